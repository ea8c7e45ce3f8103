"""Train with PyTorch, data-parallel: several ranks within one task, on the CPUs of its node.

PyTorch has to be where the task runs (a line in containers/requirements.txt); your machine can do
without. The task is one process, and starts its ranks itself, as `torchrun` does on one node; for
ranks on several nodes see docs/mpi.md. Settings as in simple.py, and FCX_RANKS.
"""

import os

from fcx import FirecrestExecutor

RANKS = int(os.environ.get("FCX_RANKS", "2"))


def train(ranks, steps=200):
    """What each rank has learned of y = 3 x - 1, and the loss at the end."""
    import json
    import tempfile
    from pathlib import Path

    import torch.multiprocessing

    with tempfile.TemporaryDirectory() as folder:
        # Processes of their own, for each rank has one gloo (on GPUs: nccl, and a device each)
        torch.multiprocessing.spawn(train_rank, args=(ranks, folder, steps), nprocs=ranks)
        return [json.loads(Path(folder, f"{rank}.json").read_text()) for rank in range(ranks)]


def train_rank(rank, ranks, folder, steps):
    import json
    from pathlib import Path

    import torch
    import torch.distributed
    from torch.nn.parallel import DistributedDataParallel

    torch.set_num_threads(1)  # the node's CPUs are divided among ranks, not taken by each
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=ranks
    )
    torch.manual_seed(rank)  # each rank has data of its own
    x = torch.rand(256, 1)
    y = 3 * x - 1 + 0.01 * torch.randn(256, 1)
    model = DistributedDataParallel(torch.nn.Linear(1, 1))  # all begin with the weights of rank 0
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    for _ in range(steps):
        optimizer.zero_grad()
        loss = torch.nn.functional.mse_loss(model(x), y)
        loss.backward()  # here gradients are averaged over the ranks
        optimizer.step()
    torch.distributed.all_reduce(loss.detach_())  # the sum over ranks, in each of them
    found = {
        "rank": rank,
        "slope": model.module.weight.item(),
        "offset": model.module.bias.item(),
        "loss": loss.item() / ranks,
    }
    Path(folder, f"{rank}.json").write_text(json.dumps(found))
    torch.distributed.destroy_process_group()


if __name__ == "__main__":
    with FirecrestExecutor(
        working_dir=os.environ.get("FCX_WORKING_DIR", os.getcwd()),
        sbatch_options=os.environ.get("FCX_SBATCH_OPTIONS", "--time=00:10:00 --nodes=1").split(),
        environment=os.environ.get("FCX_ENVIRONMENT") or None,
        sleep_interval=5,
    ) as executor:
        for found in executor.submit(train, RANKS).result():
            print("rank {rank}: y = {slope:.4f} x {offset:+.4f}, loss {loss:.6f}".format(**found))
