"""Words of the workspace: its version, its bin, checking and repairing it, backing it up and moving it."""

WORDS: dict[str, tuple[str, str]] = {
    # opening and locks
    "error.workspace-newer": ("The workspace {path} was made by a newer fm_gui (version {version}; this one knows {known}). Update fm_gui, or choose another folder with --workspace.", "工作区 {path} 由更新的 fm_gui 创建（版本 {version}，本程序只支持到 {known}）。请更新 fm_gui，或用 --workspace 另选文件夹。"),
    "error.workspace-open": ("The workspace {path} is open in other fm_gui programs (process {processes}). Close them (and stop runs), then try again.", "工作区 {path} 正被其他 fm_gui 程序使用（进程 {processes}）。请先关闭它们（并停止训练），再重试。"),
    "error.workspace-busy": ("Another window or program is changing the workspace {path} and has not finished for half a minute. Try again in a moment.", "另一个窗口或程序正在修改工作区 {path}，半分钟仍未结束。请稍后再试。"),
    "error.workspace-read-only": ("Nothing can be written in {path}: the disk or folder is read-only. Looking at it works; to change something, allow writing, or choose another folder with --workspace.", "无法写入 {path}：磁盘或文件夹是只读的。可以查看；要修改，请开放写入权限，或用 --workspace 另选文件夹。"),
    "error.workspace-no-locks": ("The disk of {path} cannot lock files, so two programs could spoil each other's work there. Choose a folder on another disk with --workspace.", "{path} 所在的磁盘不支持文件锁，两个程序可能互相破坏数据。请用 --workspace 选择其他磁盘上的文件夹。"),
    "error.workspace-mark": ("{path} cannot be understood: it should say which version the workspace has. Delete this file, and fm_gui makes it again.", "无法理解 {path}：其中应写有工作区的版本。请删除该文件，fm_gui 会重新生成。"),
    "error.workspace-moved": ("The workspace {path} was moved to {to}, which is not there now. Connect that disk; or delete workspace.json in {path} to begin anew there.", "工作区 {path} 已移到 {to}，但那里现在没有它。请接上该磁盘；或删除 {path} 中的 workspace.json，在原处重新开始。"),
    "error.workspace-arriving": ("{path} holds only part of a workspace: copying it from {source} was interrupted. Do that again with this folder, or delete the folder.", "{path} 中只有工作区的一部分：从 {source} 复制时中断了。请对此文件夹重新执行一次，或删除它。"),
    "error.table-damaged": ("The rows of data set “{name}” are missing or damaged on the disk. Run `fm-gui workspace check --repair`, or add its file again.", "数据集“{name}”的数据在磁盘上缺失或已损坏。请运行 `fm-gui workspace check --repair`，或重新添加文件。"),
    # the bin
    "error.bin-unknown": ("“{name}” is not in the bin. There: {known}.", "回收站中没有“{name}”。现有：{known}。"),
    "error.bin-taken": ("“{name}” cannot come back, since there is another one of this name now. Rename or delete that one first.", "无法恢复“{name}”，因为现在已有同名的内容。请先给它改名或删除它。"),
}
