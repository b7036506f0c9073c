"""Words of small forms: what they are, what they cost and give."""

WORDS: dict[str, tuple[str, str]] = {
    "small.form": ("Form", "形式"),
    "small.whole": ("Whole model", "完整模型"),
    "small.onnx": ("ONNX", "ONNX 格式"),
    "small.int8": ("Small and fast (int8)", "小而快（int8）"),
    "small.whole.about": ("The model as it was trained, for Python with transformers.", "训练所得的原样模型，在 Python 中用 transformers 使用。"),
    "small.onnx.about": ("The same answers from ONNX Runtime, which many languages and servers have; PyTorch is not needed.", "由 ONNX Runtime 给出相同的回答，许多语言和服务器都支持，不需要 PyTorch。"),
    "small.int8.about": ("A fraction of the size and faster on a CPU, as weights are rounded to 8-bit whole numbers; a few answers may change.", "权重舍入为 8 位整数，体积小得多，在 CPU 上更快；少数回答可能改变。"),
    "small.title": ("This form beside the whole model", "此形式与完整模型的比较"),
    "small.size": ("Size on disk", "磁盘占用"),
    "small.speed": ("Texts a second, on the CPU here", "每秒文本数（本机 CPU）"),
    "small.same": (
        "{same:,} of {rows:,} answers on held-out rows are those of the whole model, at {times:.1f} times its speed.",
        "在 {rows:,} 行预留数据上，有 {same:,} 个回答与完整模型相同，速度是其 {times:.1f} 倍。",
    ),
    "small.lost": (" It loses {points:.1f} points of {metric}: use the whole model where that matters.", "它的{metric}下降了 {points:.1f} 个百分点：如果这很重要，请使用完整模型。"),
    "small.unmeasured": ("The held-out rows are gone, so scores and speed were not measured.", "预留数据已不在，因此没有测量得分和速度。"),
    "small.use": ("With ONNX Runtime and tokenizers alone, in the folder you unpacked:", "只需 ONNX Runtime 和 tokenizers，在解压后的文件夹中："),
    "small.writing": ("Writing the network for ONNX Runtime …", "正在为 ONNX Runtime 写出网络……"),
    "small.rounding": ("Rounding the weights to 8 bits …", "正在把权重舍入为 8 位……"),
    "small.measuring": ("Measuring score and speed beside the whole model …", "正在与完整模型比较得分和速度……"),
    "small.check.none": ("Checked with each download: predict.py in the zip answers in a fresh process, and its answers are compared with this model's.", "每次下载都会检查：压缩包里的 predict.py 在新进程中回答，并与本模型的回答比较。"),
    "small.check.done": (
        "Reloaded in a fresh process with ONNX Runtime alone: {identical} of {texts} answers the same (largest difference of a probability {difference:.1g}).",
        "已在新进程中仅用 ONNX Runtime 重新加载：{texts} 个回答中 {identical} 个相同（概率的最大差异为 {difference:.1g}）。",
    ),
    "error.small-form": ("There is no form “{form}”. Choose one of: whole, {known}.", "没有“{form}”这种形式。可选：whole, {known}。"),
    "error.small-task": ("“{name}” is not a classifier, and only classifiers have a small form; leave out --as.", "“{name}”不是分类模型，只有分类模型有小型形式；请去掉 --as。"),
    "error.small-network": ("The network of “{name}” cannot be written for ONNX Runtime: {reason}. Download the whole model instead.", "“{name}”的网络无法写成 ONNX Runtime 格式：{reason}。请改为下载完整模型。"),
    "error.small-write": ("The small form of “{name}” cannot be written: {reason}. Make room on the disk, then try again.", "无法写入“{name}”的小型形式：{reason}。请腾出磁盘空间后重试。"),
}
