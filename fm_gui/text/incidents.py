"""Words of what goes wrong while a run works, what was done about it, and what ends a run."""

WORDS: dict[str, tuple[str, str]] = {
    # memory
    "incident.memory-micro": ("Memory ran out at step {step:,}. From here on {rows} rows are in memory at a time instead of {before}: the same result, a little slower. Nothing was lost.", "第 {step:,} 步时内存不足。此后每次只在内存中放 {rows} 行（原来 {before} 行）：结果相同，稍慢一些，没有丢失任何内容。"),
    "incident.memory-activation": ("Memory ran out at step {step:,} with a single row. From here on parts of a step are computed twice instead of kept (activation checkpointing): the same result, about a third slower.", "第 {step:,} 步时只放一行内存也不够。此后一步的一部分会算两遍而不保存（激活检查点）：结果相同，约慢三分之一。"),
    "incident.memory-read": ("Memory ran out while the model read the texts before the first step. It reads fewer at a time from here on: the same result.", "第一步之前模型读取文本时内存不足。此后每次读取更少的文本，结果相同。"),
    "incident.memory-check": ("Memory ran out while scoring the held-back rows. They are scored in smaller batches from here on: the same score.", "给预留数据评分时内存不足。此后分更小的批评分，分数相同。"),
    "incident.memory-back": ("Memory ran out in the middle of changing the weights at step {step:,}. It went back to the saved step {back:,} and needs less memory from here on; no result is lost.", "第 {step:,} 步更新权重时内存不足。已退回到保存的第 {back:,} 步，此后占用更少内存；没有丢失结果。"),
    # numbers
    "incident.diverged": ("At step {step:,} the loss was no longer a number. It went back to the saved step {back:,} and goes on with half the learning rate ({rate}).", "第 {step:,} 步时损失不再是数字。已退回到保存的第 {back:,} 步，并以一半的学习率（{rate}）继续。"),
    "incident.loss-high": ("The loss jumped before step {step:,} and did not come down again. It went back to the saved step {back:,} and goes on with half the learning rate ({rate}).", "第 {step:,} 步之前损失突然升高且没有回落。已退回到保存的第 {back:,} 步，并以一半的学习率（{rate}）继续。"),
    "incident.loss-spike": ("The loss jumped at step {step:,}, from about {before} to {now}. Nothing was changed: most jumps heal by themselves. If it stays high, it goes back to a saved step.", "第 {step:,} 步损失从约 {before} 跳到 {now}。未作改动：多数跳变会自行恢复。若一直偏高，会退回到保存的步。"),
    "incident.loss-zero": ("The loss has been exactly 0 for {points} points in a row at step {step:,}: everything is known by heart, or there is nothing to predict. Look at the examples on the Train page.", "到第 {step:,} 步，损失连续 {points} 个点都是 0：要么已全部背下，要么没有可预测的内容。请查看“训练”页的示例。"),
    # time
    "incident.few-steps": ("A step takes about {seconds} s here, so only {steps:,} fit the {minutes:g} minutes: too few to learn much. Give it more minutes, or choose a smaller model, a shorter text or a smaller batch.", "这里每一步约需 {seconds} 秒，{minutes:g} 分钟内只够 {steps:,} 步，学不到多少。请给更多时间，或选更小的模型、更短的文本、更小的批。"),
    "incident.demo-time": ("A run may take {minutes:g} minutes in this demo, from reading the data to the score; it was stopped there. On your own machine there is no such limit.", "在此演示中，一次训练从读取数据到评分最多 {minutes:g} 分钟，已在此停止。在自己的电脑上没有此限制。"),
    # device and program
    "incident.device-error": ("The device reported an error that only a fresh process can clear ({reason}). The process was started again and goes on from the saved step {back:,}.", "设备报告了只有重启进程才能清除的错误（{reason}）。进程已重新启动，从保存的第 {back:,} 步继续。"),
    "incident.loader-again": ("The thread that prepares the next batches ended on an error at step {step:,} ({reason}). It was started again; nothing is lost.", "准备下一批数据的线程在第 {step:,} 步出错结束（{reason}）。已重新启动，没有丢失任何内容。"),
    "incident.compile-failed": ("Compiling the model did not work here ({reason}). It goes on without: the same result, somewhat slower.", "在这里编译模型失败（{reason}）。将不编译继续：结果相同，稍慢一些。"),
    # disk and files
    "incident.disk-full": ("The disk of {folder} is full at step {step:,}: {needed:,} MB more are needed. Training waits and goes on by itself when there is room.", "第 {step:,} 步时 {folder} 所在磁盘已满：还需要 {needed:,} MB。训练会等待，有空间后自动继续。"),
    "incident.checkpoint-damaged": ("The newest checkpoint was damaged ({reason}), so it goes on from the one before, at step {step:,}. The steps since then are done again.", "最新的检查点已损坏（{reason}），因此从前一个检查点（第 {step:,} 步）继续，之后的步会重做。"),
    "incident.best-damaged": ("The best weights were damaged on the disk ({reason}), so the weights of the last step, {step:,}, became the model.", "最佳权重在磁盘上已损坏（{reason}），因此用最后一步（第 {step:,} 步）的权重作为模型。"),
    "incident.rows-skipped": ("{count:,} rows could not be turned into numbers and are left out: row {rows}.", "有 {count:,} 行无法转换成数字，已略过：第 {rows} 行。"),
    "incident.changed": ("It went on at step {step:,} with changed settings: {settings}. It now ends at step {steps:,}.", "从第 {step:,} 步起以更改后的设置继续：{settings}。现在到第 {steps:,} 步结束。"),
    # what ends a run
    "error.rows-unreadable": ("None of the {part} rows of “{name}” could be turned into numbers by this model's tokenizer; the first is row {row:,}. Look at that row on the Data page, or start from another model.", "“{name}”的 {part} 部分没有一行能被该模型的分词器转换成数字；第一处是第 {row:,} 行。请在“数据”页查看该行，或换一个起点模型。"),
    "error.out-of-memory-longest": ("Memory ran out even with one row of {tokens:,} tokens at a time. Set the longest text (or context) to {half:,} tokens or fewer, or choose a smaller model, and run again; what was learned until now is kept.", "即使每次只放一行（{tokens:,} 个词元）内存也不够。请把最长文本（或上下文）设为不超过 {half:,} 个词元，或选更小的模型后重新训练；目前学到的已保留。"),
    "error.best-damaged": ("The best weights are damaged on the disk ({reason}). Resume the run to make them again.", "最佳权重在磁盘上已损坏（{reason}）。请继续训练以重新生成。"),
    "error.not-reproduced": ("The saved model of run “{name}” was loaded again in a fresh program, and its {metric} on the held-back rows was {again}, not {before} as while training. Do not trust this model; press Resume to save and check it again.", "在全新程序中重新加载训练“{name}”保存的模型后，预留数据的 {metric} 为 {again}，而训练时为 {before}。请勿信任此模型；点“继续训练”可重新保存并检查。"),
    "error.judge-crash": ("The model is trained and saved, but scoring it in a fresh program failed: {text}. Press Resume to score it again; nothing has to be learned anew.", "模型已训练并保存，但在全新程序中评分失败：{text}。点“继续训练”可重新评分，无需重新学习。"),
    "error.rank-lost": ("Another process that trained this run with this one ended, so all ended. The log of the run says why; Resume goes on from the last saved step.", "与本进程一起训练的另一个进程结束了，因此全部结束。原因见该训练的日志；点“继续训练”会从上次保存的一步继续。"),
    "error.shard-head": ("A model whose head alone is trained is not sharded: its other weights take no part in the steps. Train all of it, or do not shard the model.", "只训练 head 的模型不需要分片：其余权重不参与训练。请训练全部权重，或不对模型分片。"),
    "error.shard-muon": ("The optimizer muon needs whole matrices, which a sharded model does not have. Choose the optimizer adamw, or do not shard the model.", "优化器 muon 需要完整的矩阵，分片的模型没有。请选择优化器 adamw，或不对模型分片。"),
}
