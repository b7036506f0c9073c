"""Words of the engine: tasks, states, metrics, baselines, incidents, and what a plan warns of."""

WORDS: dict[str, tuple[str, str]] = {
    # tasks
    "task.text-classification": ("Sort texts into classes", "给文本分类"),
    "task.text-classification.about": ("Learns from examples which of your labels fits a text (text classification).", "从例子中学会给文本贴上你的标签（文本分类）。"),
    "task.masked-lm": ("Understand a language by filling gaps", "通过填空理解语言"),
    "task.masked-lm.about": ("Reads your texts with words hidden and learns to guess them; a good start for sorting texts later (masked language modelling, BERT).", "遮住你文本中的词并学习猜出来；适合作为之后文本分类的起点（掩码语言建模，BERT）。"),
    "task.causal-lm": ("Write texts like yours", "写出像你的文本"),
    "task.causal-lm.about": ("Learns to continue a text word by word (causal language modelling, GPT).", "学习逐词续写文本（因果语言建模，GPT）。"),
    # metrics
    "metric.loss": ("Loss", "损失"),
    "metric.accuracy": ("Accuracy", "准确率"),
    "metric.macro_f1": ("Macro-F1", "宏平均 F1"),
    "metric.precision": ("Precision", "精确率"),
    "metric.recall": ("Recall", "召回率"),
    "metric.f1": ("F1", "F1"),
    "metric.perplexity": ("Perplexity", "困惑度"),
    "metric.masked_accuracy": ("Hidden words guessed", "猜对的隐藏词"),
    "metric.bits_per_byte": ("Bits per byte", "每字节比特数"),
    # baselines
    "baseline.guessing": ("guessing", "瞎猜"),
    "baseline.word-counts": ("word counts", "词频统计"),
    "baseline.unigram": ("how common words are", "词的常见程度"),
    "baseline.trigram": ("three-word statistics", "三词统计"),
    # incidents
    "incident.early-stop": ("Stopped early at step {step:,}: the held-back rows have not improved for {checks} checks; the best was step {best_step:,}.", "在第 {step:,} 步提前停止：预留数据连续 {checks} 次检查没有进步；最好的是第 {best_step:,} 步。"),
    # what a plan warns of
    "plan.few-steps": ("Only {steps} steps: too few to learn much. Choose more epochs, a smaller batch size, or add rows.", "只有 {steps} 步，学不到多少。请增加轮数、减小批大小，或添加数据。"),
    "plan.truncated": ("{rows:,} training rows ({share} %) are longer than {limit} tokens; their end is cut off. A higher limit under Advanced keeps it.", "{rows:,} 行训练数据（{share} %）超过 {limit} 个词元，末尾会被截掉。在“高级”里调高上限可保留。"),
    "plan.unknown-tokens": ("{share} % of the text is unknown to this model's vocabulary, so it cannot read it. Start from a model for this language, or from scratch.", "这个模型的词表不认识文本的 {share} %，读不懂它。请选择支持这种语言的模型，或从零开始。"),
    "plan.unreadable": ("{rows:,} rows of the file could not be read and are left out; the Data tab lists them.", "文件中有 {rows:,} 行无法读取，已略过；“数据”页列出了它们。"),
    "plan.small-test": ("Only {rows} rows are held back to judge by, so the score will be rough.", "只预留了 {rows} 行用于评判，分数会比较粗略。"),
}
