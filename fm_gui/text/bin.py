"""Words of the bin on the page. Those with the prefix page.bin are looked up in the browser."""

WORDS: dict[str, tuple[str, str]] = {
    "bin.open": ("Open the bin ({count})", "打开回收站（{count}）"),
    "bin.total": ("{size} on the disk", "占用磁盘 {size}"),
    "bin.runs": ("Run", "训练"),
    "bin.datasets": ("Data set", "数据集"),
    "bin.about": ("{size}, deleted {ago}", "{size}，{ago}删除"),
    "bin.restored": ("{name} is back.", "{name} 已恢复。"),
    "bin.emptied": ("The bin is empty now.", "回收站已清空。"),
    "page.bin.title": ("Bin", "回收站"),
    "page.bin.none": ("Nothing is in the bin. What you delete comes here first.", "回收站是空的。删除的内容会先放到这里。"),
    "page.bin.restore": ("Bring it back", "恢复"),
    "page.bin.empty": ("Empty the bin", "清空回收站"),
    "page.bin.empty.ask": ("Delete all of it for good? This cannot be undone.", "彻底删除全部内容？此操作无法撤销。"),
    "page.bin.empty.yes": ("Delete it for good", "彻底删除"),
    "page.bin.empty.no": ("Keep it all", "全部保留"),
}
