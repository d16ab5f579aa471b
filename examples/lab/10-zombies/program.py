#en A zombie, an orphan, and one CHLD for three.
#es Un zombi, un huérfano, y una sola CHLD para tres.
import os
import signal
import time


def state(pid):
    with open(f"/proc/{pid}/stat") as stat:
        return stat.read().rsplit(")", 1)[1].split()[0]


def ended(pid):
    #en Waits for the end, and leaves the zombie.
    #es Espera el final, y deja el zombi.
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)


print("a zombie")
child = os.fork()
if child == 0:
    os._exit(5)
ended(child)
print(f"   {child} has ended, and is still there: state {state(child)}")
os.kill(child, signal.SIGKILL)
print("   KILL does not help: it is dead already")
_, status = os.waitpid(child, 0)
print(f"   waitpid gives its status, {os.WEXITSTATUS(status)}, and it is gone: {not os.path.exists(f'/proc/{child}')}")

print("an orphan")
there, tell = os.pipe()
child = os.fork()
if child == 0:
    parent = os.getpid()
    if os.fork() == 0:
        while os.getppid() == parent:
            time.sleep(0.01)
        print(f"   I am {os.getpid()}; my parent was {parent}, and now it is {os.getppid()}")
        os.close(tell)
        os._exit(0)
    os._exit(0)
os.waitpid(child, 0)
os.close(tell)
os.read(there, 1)
print(f"   {os.getppid()} is supervise: it adopts orphans, and reaps them")

print("three children that end at the same time")
count = 0


def on_chld(number, frame):
    global count
    count += 1


signal.signal(signal.SIGCHLD, on_chld)
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCHLD])
for child in [os.fork() or os._exit(0) for _ in range(3)]:
    ended(child)
signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGCHLD])
reaped = 0
while reaped < 3 and os.waitpid(-1, os.WNOHANG)[0]:
    reaped += 1
print(f"   CHLD came {count} time, and {reaped} were to be reaped")
