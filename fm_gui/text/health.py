"""Words of the health report: for each finding what it is, why it matters, and what the fix will change."""

WORDS: dict[str, tuple[str, str]] = {
    # what is being looked for
    "check.empty-texts": ("Looking for empty texts", "正在查找空文本"),
    "check.short-texts": ("Looking for very short texts", "正在查找过短的文本"),
    "check.markup": ("Looking for HTML", "正在查找 HTML 标记"),
    "check.unreadable": ("Looking for lost characters", "正在查找丢失的字符"),
    "check.exact-duplicates": ("Looking for equal rows", "正在查找相同的行"),
    "check.conflicting-labels": ("Looking for contradicting labels", "正在查找互相矛盾的标签"),
    "check.overlap": ("Comparing the parts of the split", "正在比较划分的各部分"),
    "check.group-leak": ("Looking for groups in several parts", "正在查找跨部分的分组"),
    "check.label-spelling": ("Comparing the spelling of labels", "正在比较标签的写法"),
    "check.missing-labels": ("Looking for rows without a label", "正在查找没有标签的行"),
    "check.small-classes": ("Counting the rows of each class", "正在统计每个类别的行数"),
    "check.imbalance": ("Comparing the sizes of classes", "正在比较各类别的大小"),
    "check.shortcut-word": ("Looking for words that give the label away", "正在查找泄露标签的词语"),
    "check.shortcut-length": ("Checking whether the length gives the label away", "正在检查长度是否泄露标签"),
    "check.shortcut-column": ("Looking for columns that give the label away", "正在查找泄露标签的列"),
    "check.garbled": ("Looking for garbled texts", "正在查找乱码"),
    "check.truncated": ("Measuring texts against the model's limit", "正在对照模型的长度上限"),
    "check.other-language": ("Looking for other languages", "正在查找其他语言的文本"),
    "check.near-duplicates": ("Looking for near copies", "正在查找近似的行"),
    "check.near-conflicts": ("Looking for near copies with other labels", "正在查找标签不同的近似行"),
    "check.near-overlap": ("Looking for near copies across the split", "正在查找跨部分的近似行"),
    "check.personal-data": ("Looking for personal data", "正在查找个人信息"),
    "check.suspicious-labels": ("Training a simple model to doubt labels", "正在训练一个简单模型来检验标签"),
    "check.done": ("Checked", "检查完毕"),
    # how serious
    "finding.serious": ("Serious", "严重"),
    "finding.attention": ("Worth a look", "值得注意"),
    "finding.note": ("Good to know", "供参考"),
    "finding.by-hand": (
        "No step can do this to such columns: correct the rows where they come from, and add them again.",
        "没有步骤能处理这样的列：请在数据的来源处改正，再重新添加。",
    ),
    # texts
    "finding.empty-texts": ("Rows without any text: {count:,} of {of:,}.", "没有文本的行：{of:,} 行中有 {count:,} 行。"),
    "finding.empty-texts.why": ("They teach nothing (a text that only says null, none or N/A is empty too), so there is less data than it seems.", "这些行没有可学的内容（只写着 null、none、N/A 的也算空），实际数据比看上去要少。"),
    "finding.empty-texts.fix": ("Takes them out ({count:,}).", "移除这 {count:,} 行。"),
    "finding.short-texts": (
        "Texts with hardly anything in them: {count:,} of {of:,}; the middle one has {usual:,} characters.",
        "几乎没有内容的文本：{of:,} 条中有 {count:,} 条；文本长度的中位数是 {usual:,} 个字。",
    ),
    "finding.short-texts.why": (
        "Fewer than {characters} letters rarely tell the answer, so the model learns noise from them.",
        "不足 {characters} 个字母的文本很难说明答案，模型从中只会学到噪声。",
    ),
    "finding.short-texts.fix": ("Takes them out ({count:,}).", "移除这 {count:,} 行。"),
    "finding.garbled": (
        "Garbled texts (such as cafÃ© for café): {count:,} of {looked:,} looked at.",
        "乱码文本（如 café 变成 cafÃ©）：检查了 {looked:,} 条，发现 {count:,} 条。",
    ),
    "finding.garbled.why": (
        "To the model a garbled word is another word, one it will not meet when it is used.",
        "在模型看来，乱码是另一个词，而实际使用时不会遇到它。",
    ),
    "finding.garbled.fix": ("Turns the characters of these texts back into what was written.", "把这些文本的字符还原成原来的样子。"),
    "finding.unreadable": (
        "Texts with characters that are lost (� or nonsense from a wrong encoding): {count:,} of {of:,}.",
        "含有丢失字符的文本（� 或因编码错误产生的“锟斤拷”等）：{of:,} 条中有 {count:,} 条。",
    ),
    "finding.unreadable.why": (
        "What was written there cannot be told any more, not by a person and not by a model.",
        "原来写的是什么已无法得知，人和模型都看不出来。",
    ),
    "finding.unreadable.fix": (
        "Takes these rows out ({count:,}). If the file itself is fine, read it again with another encoding instead.",
        "移除这 {count:,} 行。如果文件本身没问题，请换一种编码重新读取。",
    ),
    "finding.markup": (
        "Texts with HTML in them: {count:,} of {of:,}; in {mostly:,} it is more than half of the text.",
        "含有 HTML 标记的文本：{of:,} 条中有 {count:,} 条；其中 {mostly:,} 条一半以上是标记。",
    ),
    "finding.markup.why": (
        "Tags take up room in what the model reads and say nothing of the matter.",
        "标记占用模型的阅读长度，却与内容无关。",
    ),
    "finding.markup.fix": ("Keeps the text of these rows ({count:,}) and removes the tags.", "保留这 {count:,} 行的文字，去掉标记。"),
    "finding.other-language": (
        "Texts that are not in {main}, the main language: {count:,} of {looked:,} looked at ({others}).",
        "不是主要语言（{main}）的文本：检查了 {looked:,} 条，发现 {count:,} 条（{others}）。",
    ),
    "finding.other-language.why": (
        "A model for one language learns little from the others, and is judged by rows it cannot read.",
        "单一语言的模型很难从其他语言中学到东西，却要用读不懂的行来评判它。",
    ),
    "finding.other-language.fix": ("Takes the rows in other languages out.", "移除其他语言的行。"),
    "finding.truncated": (
        "Texts longer than the {limit:,} tokens the model reads: {count:,} of {looked:,} looked at. {lost:.1%} of all text is lost.",
        "超过模型可读的 {limit:,} 个词元的文本：检查了 {looked:,} 条，有 {count:,} 条。全部文字的 {lost:.1%} 会丢失。",
    ),
    "finding.truncated.why": (
        "The model never sees the rest; if what decides stands at the end (the longest text has {longest:,} tokens), it must guess.",
        "模型看不到后面的部分；如果关键内容在末尾（最长的文本有 {longest:,} 个词元），它只能猜。",
    ),
    "finding.truncated.fix": (
        "Choose a model that reads more than {limit:,} tokens, or split these texts into shorter rows.",
        "请选择可读长度超过 {limit:,} 个词元的模型，或把这些文本拆成较短的行。",
    ),
    # copies
    "finding.exact-duplicates": ("Rows that repeat an earlier row: {count:,} of {of:,}.", "与前面某行重复的行：{of:,} 行中有 {count:,} 行。"),
    "finding.exact-duplicates.why": (
        "Repeated rows count several times in training and teach nothing new.",
        "重复的行在训练中被多次计算，却没有新的内容。",
    ),
    "finding.exact-duplicates.fix": ("Takes the repeats out ({count:,}); the first of each text stays.", "移除 {count:,} 行；每条文本保留第一行。"),
    "finding.near-duplicates": (
        "Rows that say almost the same as an earlier row: {count:,} of {looked:,} looked at.",
        "与前面某行几乎相同的行：检查了 {looked:,} 行，发现 {count:,} 行。",
    ),
    "finding.near-duplicates.why": (
        "Near copies weigh more than other rows, and can stand on both sides of the split.",
        "近似的行会比其他行占更大的分量，还可能同时出现在划分的两边。",
    ),
    "finding.near-duplicates.fix": (
        "Takes the later copies out; the first of each group of near copies stays.",
        "移除后出现的近似行；每组近似行保留第一行。",
    ),
    "finding.conflicting-labels": (
        "The same text (but for case, blanks and punctuation) with different labels: {texts:,} texts in {count:,} rows.",
        "同一文本（不计大小写、空格和标点）有不同的标签：{texts:,} 条文本，共 {count:,} 行。",
    ),
    "finding.conflicting-labels.why": (
        "The model is told two answers to one question, and one of them will count as its mistake.",
        "同一个问题给了模型两个答案，其中一个必然会算作它的错误。",
    ),
    "finding.conflicting-labels.fix": (
        "Gives the rows of a text the label most of them have ({settled:,} of {texts:,} texts have one), or takes them out.",
        "把同一文本的各行改为多数行的标签（{texts:,} 条文本中有 {settled:,} 条有多数标签），或移除它们。",
    ),
    "finding.near-conflicts": (
        "Almost the same text with different labels: {texts:,} texts in {count:,} rows, of {looked:,} looked at.",
        "几乎相同的文本有不同的标签：检查了 {looked:,} 行，发现 {texts:,} 条文本，共 {count:,} 行。",
    ),
    "finding.near-conflicts.why": (
        "Either one word makes the difference, or one of the labels is wrong: only a person can tell.",
        "要么是一词之差决定了标签，要么其中一个标签错了：只有人能判断。",
    ),
    "finding.near-conflicts.fix": (
        "Takes all of them out. Better: look at them, and correct the wrong label in the Label tab.",
        "把它们全部移除。更好的做法：先看一看，再在“标注”里改正错误的标签。",
    ),
    "finding.overlap": (
        "Held-back rows whose text also stands in another part: {held:,} of {of:,}.",
        "留出的行中，文本也出现在其他部分的：{of:,} 行中有 {held:,} 行。",
    ),
    "finding.overlap.why": (
        "A model that has seen the questions gets a score it does not deserve; fm_gui keeps such rows out of training meanwhile.",
        "模型若见过考题，得分就会虚高；在此之前，fm_gui 不会用这些行训练。",
    ),
    "finding.overlap.fix": ("Keeps the first row of each text and takes its copies out.", "每条文本保留第一行，移除其余副本。"),
    "finding.near-overlap": (
        "Held-back rows that almost repeat a row of another part: {held:,} of {of:,}.",
        "留出的行中，与其他部分某行几乎相同的：{of:,} 行中有 {held:,} 行。",
    ),
    "finding.near-overlap.why": (
        "Remembering is enough to get them right, so the score is better than the model will be.",
        "只靠记忆就能答对这些行，得分会高于模型的真实水平。",
    ),
    "finding.near-overlap.fix": (
        "Takes the later near copies out. Or keep similar texts together when splitting.",
        "移除后出现的近似行。也可以在划分时把相似文本放在一起。",
    ),
    "finding.group-leak": (
        "Held-back rows whose “{column}” also stands in another part: {held:,} of {of:,} ({groups:,} different ones).",
        "留出的行中，“{column}”也出现在其他部分的：{of:,} 行中有 {held:,} 行（涉及 {groups:,} 个不同的值）。",
    ),
    "finding.group-leak.why": (
        "The model may recognise the author or document instead of understanding the text.",
        "模型可能只是认出了作者或文档，而没有理解文本。",
    ),
    "finding.group-leak.fix": (
        "Split by group: all rows of one “{column}” then stand in the same part.",
        "请按分组划分：“{column}”相同的行会放在同一部分。",
    ),
    # labels
    "finding.label-spelling": ("Labels written in several ways: {ways}. Rows: {count:,}.", "同一标签有多种写法：{ways}。共 {count:,} 行。"),
    "finding.label-spelling.why": (
        "Each way of writing counts as a class of its own, and the model is punished for mixing them up (labels concerned: {labels:,}).",
        "每种写法都会被当成一个单独的类别，模型混淆它们还会被扣分（涉及 {labels:,} 个标签）。",
    ),
    "finding.label-spelling.fix": ("Writes these labels ({count:,}) in the usual way.", "把这 {count:,} 行的标签改成常用的写法。"),
    "finding.missing-labels": ("Rows without a label: {count:,} of {of:,}.", "没有标签的行：{of:,} 行中有 {count:,} 行。"),
    "finding.missing-labels.why": ("Only labelled rows can teach or judge.", "只有带标签的行才能用来训练和评判。"),
    "finding.missing-labels.fix": ("Label them on the page; until then they are left out of training.", "可以在页面上为它们打标签；在此之前它们不参与训练。"),
    "finding.small-classes": (
        "Classes with fewer than {least} rows: {classes:,} ({names}).",
        "不足 {least} 行的类别：{classes:,} 个（{names}）。",
    ),
    "finding.small-classes.why": (
        "So few examples teach a class badly, and one or none is left to judge it by.",
        "例子太少，既学不好，也几乎没有行可用来评判。",
    ),
    "finding.small-classes.fix": (
        "Takes the rows of these classes out ({count:,}). Better: add rows, or merge them into a larger class.",
        "移除这些类别的 {count:,} 行。更好的办法是补充数据，或并入较大的类别。",
    ),
    "finding.small-classes.keep": (
        "Add rows, or merge these classes ({classes:,}) into a larger one. No step takes them out, as that would leave no two classes or take other rows along.",
        "请补充数据，或把这 {classes:,} 个类别并入较大的类别。没有步骤可移除它们：那样会剩下不足两个类别，或连带移除其他行。",
    ),
    "finding.imbalance": (
        "“{large}” has {large_rows:,} rows, “{small}” only {small_rows:,}: {ratio:,} times as many.",
        "“{large}”有 {large_rows:,} 行，“{small}”只有 {small_rows:,} 行：相差 {ratio:,} 倍。",
    ),
    "finding.imbalance.why": (
        "Always saying “{large}” is already right in {guess:.0%} of rows, so the model may ignore the rare ones ({classes:,}).",
        "一直回答“{large}”就能答对 {guess:.0%} 的行，模型可能会忽略少见的类别（{classes:,} 个）。",
    ),
    "finding.imbalance.fix": (
        "Repeats rows of the small classes, or leaves out rows of the large ones, until all have as many.",
        "重复小类别的行，或减少大类别的行，使各类别数量相当。",
    ),
    # shortcuts
    "finding.shortcut-word": (
        "“{word}” gives “{label}” away: it stands in {covered:.0%} of its rows, and {inside:.0%} of the rows with it are “{label}”.",
        "“{word}”泄露了“{label}”：该标签 {covered:.0%} 的行含有它，而含有它的行 {inside:.0%} 是“{label}”。",
    ),
    "finding.shortcut-word.why": (
        "The model will look for this alone, and fail where it is missing.",
        "模型只会寻找它，一旦没有它就会失败。",
    ),
    "finding.shortcut-word.fix": ("Removes “{word}” from {count:,} rows; the rest of the text stays.", "从 {count:,} 行中删去“{word}”，其余文字不变。"),
    "finding.shortcut-length": (
        "The length alone tells the label in {score:.0%} of cases (guessing: {chance:.0%}): “{short}” has {short_length:,} characters, “{long}” {long_length:,}.",
        "仅凭长度就能猜对 {score:.0%} 的标签（随机猜：{chance:.0%}）：“{short}”约 {short_length:,} 字，“{long}”约 {long_length:,} 字。",
    ),
    "finding.shortcut-length.why": (
        "The model may count words instead of reading them.",
        "模型可能只是在数字数，而没有理解内容。",
    ),
    "finding.shortcut-length.fix": (
        "No step can repair this: add short texts of “{long}” and long ones of “{short}”.",
        "没有步骤能修复它：请补充“{long}”的短文本和“{short}”的长文本。",
    ),
    "finding.shortcut-column": (
        "The column “{column}” alone tells the label in {score:.0%} of cases (guessing: {chance:.0%}).",
        "仅凭“{column}”列就能猜对 {score:.0%} 的标签（随机猜：{chance:.0%}）。",
    ),
    "finding.shortcut-column.why": (
        "If it is joined to the text the model reads the answer there; and rows of different labels may come from different sources.",
        "如果把它并入文本，模型会直接读到答案；也可能说明不同标签的行来源不同。",
    ),
    "finding.shortcut-column.fix": ("Removes the column “{column}”; texts and labels stay.", "删除“{column}”列；文本和标签不变。"),
    # labels in doubt, personal data
    "finding.suspicious-labels": (
        "Labels that are probably wrong: {count:,} of {looked:,} looked at, by a simple model that is right in {right:.0%} of the others. Of them about {chance:,} may be right after all.",
        "可能标错的标签：检查了 {looked:,} 行，发现 {count:,} 行；判断它们的简单模型在其余行上的准确率为 {right:.0%}。其中约 {chance:,} 行可能其实没有标错。",
    ),
    "finding.suspicious-labels.why": (
        "A wrong label teaches the wrong thing, and in the held-back rows it makes a good model look bad.",
        "错误的标签会教错模型；出现在留出的行中，还会让好模型显得差。",
    ),
    "finding.suspicious-labels.fix": (
        "Gives the rows of which the simple model is {least:.0%} sure or more ({sure:,}) the label it proposes, or takes them out. Look at them first.",
        "把简单模型有 {least:.0%} 以上把握的行（{sure:,} 行）改为它建议的标签，或移除它们。请先看一看。",
    ),
    "finding.suspicious-labels.look": (
        "The model is not sure enough to correct them all at once: look at each row, and accept the proposed label, keep yours, or remove the row.",
        "模型的把握不足以一次全部改正：请逐行查看，采纳建议的标签、保留原标签，或删除该行。",
    ),
    "finding.personal-data": (
        "Rows with personal data: {count:,} of {looked:,} looked at. E-mail: {email:,}, phone: {phone:,}, card: {card:,}, id: {id:,}.",
        "含有个人信息的行：检查了 {looked:,} 行，发现 {count:,} 行。电子邮箱 {email:,} 个，电话 {phone:,} 个，银行卡 {card:,} 个，证件号 {id:,} 个。",
    ),
    "finding.personal-data.why": (
        "A model can learn such data by heart and repeat it to strangers.",
        "模型可能会记住这些信息，并透露给陌生人。",
    ),
    "finding.personal-data.fix": ("Puts a placeholder such as [EMAIL] in their place.", "用 [EMAIL] 之类的占位符代替它们。"),
}
