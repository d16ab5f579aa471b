#en A solution of exercise 3.
#es Una solución del ejercicio 3.
import ctypes
import os
import resource
import signal
import time


def describe(status):
    if os.WIFSIGNALED(status):
        return "killed by " + signal.Signals(os.WTERMSIG(status)).name
    return f"exit {os.WEXITSTATUS(status)}"


#en From here on nothing needs to be changed.
#es De aquí en adelante no hace falta cambiar nada.
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def start(work):
    child = os.fork()
    if child == 0:
        work()
        os._exit(0)
    return child


def report(name, child):
    _, status = os.waitpid(child, 0)
    print(f"{name}: {describe(status)}")


report("leaves", start(lambda: os._exit(3)))
report("fault", start(lambda: ctypes.string_at(0)))
report("told", start(lambda: os.kill(os.getpid(), signal.SIGTERM)))
waiter = start(lambda: time.sleep(60))
print("ready, waiter", waiter)
report("waiter", waiter)
