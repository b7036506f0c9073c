"""The roles that columns can play, and what such columns are called, in English and Chinese."""

ROLES = (
    "text", "label", "tokens", "tags", "question", "context", "answer", "source", "target", "messages", "chosen", "rejected",
    "number", "id", "date", "group", "split",
)  # fmt: skip
NAMES = {  # role -> words that its column is called by, or that are part of its name
    "text": "text review comment sentence content body message tweet document description abstract question prompt utterance article story title "
    "文本 正文 内容 评论 评价 句子 文章 留言 消息 描述 问题 标题",
    "label": "label class category sentiment target topic intent tag emotion polarity rating star lang language type "
    "标签 类别 情感 分类 类型 意图 主题 情绪 评分 语言 标注",
    "split": "split set part subset partition fold 划分 数据集 集合 用途",
    "tokens": "token word 词元 词语 分词 单词 字",
    "tags": "ner tag label entity pos bio iob slot 标签 标注 实体 词性 序列",
    "question": "question query 问题 提问 问句",
    "context": "context passage paragraph article document background 上下文 背景 段落 文章 原文 材料",
    "answer": "answer 答案 回答",
    "chosen": "chosen choose preferred prefer accepted winner better 选中 采纳 偏好 更好 优选",
    "rejected": "rejected reject dispreferred loser worse 拒绝 落选 较差 更差 未选中",
    "messages": "message conversation chat dialogue dialog turn 对话 消息 会话 聊天",
    "number": "score price value amount rating salary grade temperature weight percentage target label star sales "
    "分数 得分 评分 价格 数值 金额 销量 温度 比例",
    "id": "id uuid guid key index idx no number nr unnamed code 编号 序号 标识 主键 单号 代码",
    "date": "date time day datetime timestamp created updated published year month 日期 时间 年份 月份",
    "group": "author user speaker customer client patient subject document doc session thread conversation group writer reviewer source "
    "company product username account 作者 用户 说话人 发言人 客户 患者 文档 会话 分组 组别 公司 商品 产品 账号 来源",
}  # fmt: skip
PAIRS = (  # what one column is called where the other is called so: the first is turned into the second
    ("source src 源文 源语言 原文", "target tgt 译文 目标 目标语言 翻译"),
    ("instruction prompt question query 指令 提示 问题 提问", "completion response output answer reply 回复 回答 答案 输出"),
    ("input 输入", "output 输出"),
    ("article document dialogue dialog 文章 原文 正文 对话", "summary highlight headline abstract 摘要 总结"),
)
SPEECH = (  # a language's names in columns; two-letter codes that are also everyday words or "id" are left out
    "en eng english 英文 英语", "zh cn chinese 中文 汉语", "de deu ger german 德文 德语", "fr fra french 法文 法语",
    "es spa spanish 西班牙语", "ja jp jpn japanese 日文 日语", "ko kor korean 韩文 韩语", "ru rus russian 俄文 俄语",
    "pt por portuguese 葡萄牙语", "ita italian 意大利语", "ar ara arabic 阿拉伯语", "nl nld dutch 荷兰语", "pl pol polish 波兰语",
    "vi vie vietnamese 越南语", "th tha thai 泰语", "tr tur turkish 土耳其语", "hi hin hindi 印地语", "cs ces czech 捷克语",
    "ro ron romanian 罗马尼亚语", "uk ukr ukrainian 乌克兰语", "sv swe swedish 瑞典语", "fi fin finnish 芬兰语", "indonesian 印尼语",
)  # fmt: skip
