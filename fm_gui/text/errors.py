"""What goes wrong, where, and what to do: the sentences of every UserError."""

WORDS: dict[str, tuple[str, str]] = {
    # names, workspace, runs
    "error.name": ("“{name}” cannot be a name. Use letters, digits, - and _, starting with a letter or digit, at most 64.", "“{name}”不能用作名称。请用字母、数字、- 和 _，以字母或数字开头，最多 64 个字符。"),
    "error.workspace": ("The workspace folder {path} cannot be used: {reason}. Choose another with --workspace.", "工作区文件夹 {path} 无法使用：{reason}。请用 --workspace 另选一个。"),
    "error.dataset-unknown": ("There is no data set named “{name}”. Known: {known}.", "没有名为“{name}”的数据集。现有：{known}。"),
    "error.dataset-exists": ("A data set named “{name}” exists. Choose another name, or delete that one first.", "已有名为“{name}”的数据集。请换个名称，或先删除它。"),
    "error.dataset-in-use": ("Data set “{name}” is still needed by {runs}. Delete these runs first.", "数据集“{name}”还被 {runs} 使用。请先删除这些训练。"),
    "error.run-unknown": ("There is no run named “{name}”. Known: {known}.", "没有名为“{name}”的训练。现有：{known}。"),
    "error.run-exists": ("“{name}” exists already. Choose another name.", "“{name}”已存在。请换个名称。"),
    "error.run-active": ("Run “{name}” is still working. Stop it first, or wait until it is done.", "训练“{name}”仍在进行。请先停止，或等它结束。"),
    "error.run-done": ("Run “{name}” is done; there is nothing to resume. Start a new run to train further.", "训练“{name}”已完成，没有可继续的内容。要继续训练请新建一次训练。"),
    "error.run-in-use": ("Run “{name}” is the starting point of {runs}. Finish or delete these runs first.", "训练“{name}”是 {runs} 的起点。请先完成或删除它们。"),
    "error.run-no-model": ("Run “{name}” has no finished model yet. Wait until it is done, or stop and keep it.", "训练“{name}”还没有完成的模型。请等它结束，或停止并保留。"),
    "error.bin-empty": ("Nothing was deleted, so there is nothing to bring back.", "没有删除过内容，无需恢复。"),
    # settings
    "error.setting-unknown": ("There is no setting named “{name}”. Known: {known}.", "没有名为“{name}”的设置。可用：{known}。"),
    "error.setting-more": ("Setting {name} is “{value}”, but must be more than {limit}. Change it.", "设置 {name} 是“{value}”，必须大于 {limit}。请修改。"),
    "error.setting-least": ("Setting {name} is “{value}”, but must be at least {limit}. Change it.", "设置 {name} 是“{value}”，至少应为 {limit}。请修改。"),
    "error.setting-less": ("Setting {name} is “{value}”, but must be less than {limit}. Change it.", "设置 {name} 是“{value}”，必须小于 {limit}。请修改。"),
    "error.setting-most": ("Setting {name} is “{value}”, but may be at most {limit}. Change it.", "设置 {name} 是“{value}”，最多为 {limit}。请修改。"),
    "error.setting-choice": ("Setting {name} cannot be “{value}”. Choose one of: {limit}.", "设置 {name} 不能是“{value}”。请从中选择：{limit}。"),
    "error.setting-kind": ("Setting {name} cannot be “{value}”: a value of another kind (a number, yes or no) belongs there. Change it.", "设置 {name} 不能是“{value}”：这里需要另一种值（数字、是或否）。请修改。"),
    "error.task-unknown": ("There is no task named “{name}”. Known: {known}.", "没有名为“{name}”的任务。可用：{known}。"),
    # machine
    "error.disk-full": ("The disk that holds {path} is full: {free:,} MB free, {needed:,} MB or more needed. Make room (empty the bin, delete old runs), or choose a workspace on another disk with --workspace.", "{path} 所在的磁盘已满：剩余 {free:,} MB，至少需要 {needed:,} MB。请腾出空间（清空回收站、删除旧的训练），或用 --workspace 选择其他磁盘上的工作区。"),
    # training
    "error.role-missing": ("Data set “{name}” lacks the column for: {roles}. Its columns are {columns}; choose which plays this part.", "数据集“{name}”缺少以下用途的列：{roles}。现有列：{columns}；请指定用哪一列。"),
    "error.no-usable-rows": ("Data set “{name}” has no row in which both text and label are filled. Check the chosen columns.", "数据集“{name}”中没有文本和标签都填写了的行。请检查所选的列。"),
    "error.one-class": ("Every row has the label “{label}” in column {column}, so there is nothing to tell apart. Add rows with other labels, or choose another label column.", "列 {column} 中每一行的标签都是“{label}”，没有可区分的内容。请添加其他标签的数据，或另选标签列。"),
    "error.too-many-classes": ("Column {column} has {classes:,} different labels for {rows:,} rows: each class needs at least two rows, better twenty. Choose another label column, or merge labels.", "列 {column} 有 {classes:,} 种标签，却只有 {rows:,} 行：每类至少要两行，最好二十行。请另选标签列，或合并标签。"),
    "error.text-too-short": ("The training text of “{name}” has {tokens:,} tokens; at least {needed:,} are needed to pretrain with this context. Add text, or choose a shorter context under Advanced.", "“{name}”的训练文本只有 {tokens:,} 个词元；按这个上下文长度预训练至少需要 {needed:,} 个。请添加文本，或在“高级”里缩短上下文。"),
    "error.part-empty": ("No row of “{name}” is left for the {part} part. Add rows, or hold back another share.", "“{name}”没有可用于 {part} 部分的行。请添加数据，或调整预留比例。"),
    "error.loss-not-finite": ("At step {step:,} the loss was no longer a number: training has diverged. Run again with a lower learning rate than {rate:g}; the best model so far is kept.", "到第 {step:,} 步时损失已不是数字：训练发散了。请用比 {rate:g} 更低的学习率重新训练；目前最好的模型已保留。"),
    "error.checkpoint-damaged": ("Both checkpoints of run “{name}” are damaged on the disk ({reason}), so it cannot go on from there. Run it again with the same settings; its last saved model, if there is one, can still be tried.", "训练“{name}”的两个检查点在磁盘上都已损坏（{reason}），无法从那里继续。请用同样的设置重新训练；已保存的模型（如果有）仍可试用。"),
    "error.out-of-memory": ("Memory ran out. Choose a smaller micro-batch, a shorter longest text, or a smaller model, and run again.", "内存不足。请减小微批大小、缩短最长文本或选更小的模型，再重新训练。"),
    "error.crash": ("Training ended on an error that fm_gui does not know: {kind}: {text}. The log of the run has the details; Resume goes on from the last checkpoint.", "训练因 fm_gui 不认识的错误而结束：{kind}：{text}。详情见该训练的日志；点“继续”可从上个检查点接着训练。"),
    "error.predict-column": ("{file} has no column “{column}”, which this model reads. Its columns are {found}; rename the one with the texts.", "{file} 中没有这个模型要读取的列“{column}”。现有列：{found}；请把文本所在的列改成这个名字。"),
    "error.predict-unreadable": ("{rows:,} rows of {file} cannot be read, the first is row {first}. Repair or remove them, so that every row gets its prediction.", "{file} 中有 {rows:,} 行无法读取，第一处在第 {first} 行。请修好或删除这些行，使每一行都能得到预测。"),
    "error.not-a-list": ("{name} must be a list of texts, not {value}.", "{name} 必须是文本列表，而不是 {value}。"),
}
