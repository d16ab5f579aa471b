#en A boss and three workers: one in its process group, one in a group of its
#en own, one in a session of its own.
#es Un jefe y tres trabajadores: uno en su grupo de procesos, otro en un grupo
#es propio, otro en una sesión propia.
import os
import signal
import time


def report(name):
    def on_usr1(number, frame):
        print(f"   {name} got USR1")

    signal.signal(signal.SIGUSR1, on_usr1)
    print(f"   {name:<12} pid {os.getpid()}  group {os.getpgrp()}  session {os.getsid(0)}")


#en The pipe tells the boss when a worker is there.
#es La tubería avisa al jefe cuando un trabajador está listo.
def start(name, step_aside):
    there, tell = os.pipe()
    if os.fork() == 0:
        step_aside()
        report(name)
        os.close(tell)
        while True:
            signal.pause()
    os.close(tell)
    os.read(there, 1)
    os.close(there)


report("boss")
start("same group", lambda: None)
start("own group", lambda: os.setpgid(0, 0))
start("own session", os.setsid)
print("ready: a signal for supervise goes to the group of the boss")
while True:
    time.sleep(60)
