"""``./run demo``: the main job in front of your eyes, from what is in a host to a guest and back, each step with its checks.

The story is told once (:mod:`demo.story`) and played on one of two stages: an emulated host with a real kernel, libvirt and QEMU
(:mod:`demo.emulated`), or a host made of recordings, which needs none of them (:mod:`demo.recorded`).
"""
