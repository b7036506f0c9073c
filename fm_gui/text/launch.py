"""Words of the scripts that train a run on other machines."""

WORDS: dict[str, tuple[str, str]] = {
    # what cannot be done
    "error.launch-active": ("Run “{name}” waits or works on this machine already. Stop it first; to make one for elsewhere without starting it here, use --no-start.", "训练“{name}”已在本机排队或运行。请先停止；若要只为别处创建而不在本机开始，请用 --no-start。"),
    "error.launch-device": ("This run is to use the device {device}, which is fewer than {count} on a machine. Make it anew with --devices auto, or ask for fewer processes with --nproc.", "这次训练指定使用设备 {device}，少于每台机器 {count} 个。请用 --devices auto 重新创建，或用 --nproc 减少进程数。"),
    "error.launch-gpu": ("SkyPilot must know which kind of GPU to look for. Give it, such as --gpu A100, or make the run with --devices cpu.", "SkyPilot 需要知道寻找哪种 GPU。请指明，例如 --gpu A100，或用 --devices cpu 创建训练。"),
    "error.launch-characters": ("{value} holds characters that cannot be seen, such as a line break. Remove them.", "{value} 含有不可见的字符（如换行）。请删除。"),
    # comments in the scripts
    "launch.about": ("fm_gui trains the run {run} on {machines} machine(s) with {processes} process(es) on each.", "fm_gui 在 {machines} 台机器上训练 {run}，每台 {processes} 个进程。"),
    "launch.needs": ("Every machine must see this folder, at this path, on a disk they share: {folder}\nand have this Python, with fm_gui installed: {python}", "每台机器都必须能在共享磁盘的这个路径看到此文件夹：{folder}\n并有这个装好 fm_gui 的 Python：{python}"),
    "launch.needs-model": ("They must see the model to start from as well: {folder}", "也必须能看到作为起点的模型：{folder}"),
    "launch.again": ("The page and `fm-gui watch` show it as it goes. Start it again and it goes on from the last saved step.", "网页和 `fm-gui watch` 会实时显示进展。再次启动会从上次保存的一步继续。"),
    "launch.torchrun.use": ("On each machine; ADDRESS is that of machine 0:", "在每台机器上运行；ADDRESS 是 0 号机器的地址："),
    "launch.torchrun.number": ("the number of this machine, from 0", "这台机器的编号，从 0 开始"),
    "launch.slurm.use": ("Submit it: sbatch FILE", "提交：sbatch FILE"),
    "launch.skypilot.use": ("Launch it: sky launch FILE. An object store (S3, GCS) cannot be the shared disk, since files grow line by line: use a volume or NFS.", "启动：sky launch FILE。对象存储（S3、GCS）不能作共享磁盘，因为文件会逐行增长：请用云盘卷或 NFS。"),
    "launch.ray.use": ("Run it where the cluster is known: python FILE, or ray job submit -- python FILE", "在能连上集群的地方运行：python FILE，或 ray job submit -- python FILE"),
    # the command line
    "cli.launch": ("Write the file that trains a run on other machines, which share the workspace's folder.", "生成在其他机器上训练的脚本；这些机器须共享工作区文件夹。"),
    "cli.option.on": ("What starts it there.", "在那里用什么启动。"),
    "cli.option.nodes": ("How many machines.", "几台机器。"),
    "cli.option.nproc-each": ("Processes on each machine, one a GPU.", "每台机器的进程数，每块 GPU 一个。"),
    "cli.option.hours": ("How long it may take at most.", "最长运行时间（小时）。"),
    "cli.option.partition": ("Slurm's partition.", "Slurm 的分区。"),
    "cli.option.gpu": ("The kind of GPU, such as A100 (SkyPilot needs it).", "GPU 型号，如 A100（SkyPilot 需要）。"),
    "cli.option.python": ("The Python there that has fm_gui (default: this one's path).", "那里装有 fm_gui 的 Python（默认与这里路径相同）。"),
    "cli.option.folder-there": ("Where the workspace's folder is there (default: the same path).", "工作区文件夹在那里的位置（默认路径相同）。"),
    "cli.option.script-out": ("Write to this file instead of the screen.", "写入这个文件，而不是显示在屏幕上。"),
    "cli.option.nproc": ("How many processes train together, one a GPU (or sharing the CPU); the result is the same.", "几个进程一起训练，每块 GPU 一个（或共用 CPU）；结果相同。"),
    "cli.option.devices": ("Which devices it may use, such as cuda:0,cuda:1 or cpu.", "可用的设备，如 cuda:0,cuda:1 或 cpu。"),
    "cli.option.shard": ("With several processes, each keeps only its share of the weights (FSDP).", "多个进程时，每个只保存自己那份权重（FSDP）。"),
    "cli.option.no-start": ("Only make the run: `fm-gui resume` starts it here, `fm-gui launch-script` elsewhere.", "只创建训练：用 `fm-gui resume` 在本机开始，或用 `fm-gui launch-script` 在别处开始。"),
    "cli.launch.written": ("Written to {file}.", "已写入 {file}。"),
    "cli.launch.shared": ("The machines must see {folder} on a disk that they share with this one.", "那些机器必须能在与本机共享的磁盘上看到 {folder}。"),
    "cli.train.made": ("{run} is made, and not started. `fm-gui resume {run}{at}` starts it here; `fm-gui launch-script {run} --on slurm{at}` writes what starts it on a cluster.", "{run} 已创建，尚未开始。`fm-gui resume {run}{at}` 在本机开始；`fm-gui launch-script {run} --on slurm{at}` 生成在集群上开始的脚本。"),
}
