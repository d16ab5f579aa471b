#en A solution of exercise 10.
#es Una solución del ejercicio 10.
import os
import signal
import sys


def on_chld(number, frame):
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        print("reaped", pid)


#en From here on nothing needs to be changed.
#es De aquí en adelante no hace falta cambiar nada.
def on_usr1(number, frame):
    global again
    again = True


def on_term(number, frame):
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.kill(long_lived, signal.SIGKILL)
    os.waitpid(long_lived, 0)
    sys.exit(0)


def is_zombie(pid):
    try:
        return os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is not None
    except ChildProcessError:
        return False


#en Five children end while CHLD is blocked; only then may it come.
#es Cinco hijos terminan mientras CHLD está bloqueada; solo entonces puede llegar.
def five():
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCHLD])
    children = [os.fork() or os._exit(0) for _ in range(5)]
    for child in children:
        os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGCHLD])
    print("zombies", sum(is_zombie(child) for child in children))


again = False
signal.signal(signal.SIGCHLD, on_chld)
signal.signal(signal.SIGUSR1, on_usr1)
long_lived = os.fork()
if long_lived == 0:
    while True:
        signal.pause()
signal.signal(signal.SIGTERM, on_term)
print("ready")
five()
while not again:
    signal.sigtimedwait([], 0.05)
five()
while True:
    signal.pause()
