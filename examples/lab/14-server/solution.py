#en A solution of exercise 14.
#es Una solución del ejercicio 14.
import os
import resource
import signal
import time

resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


#en Nothing needs to be changed here.
#es Aquí no hace falta cambiar nada.
def start():
    pid = os.fork()
    if pid == 0:
        for name in (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1):
            signal.signal(name, signal.SIG_DFL)
        while True:
            time.sleep(60)
    print("worker", pid)
    return pid


noted = []


def note(number, frame):
    noted.append(number)


for name in (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1):
    signal.signal(name, note)
print("ready")
worker = start()
restarts = crashes = 0
due = None
while signal.SIGTERM not in noted:
    while noted and noted[0] != signal.SIGTERM:
        number = noted.pop(0)
        print("reloaded" if number == signal.SIGHUP else f"restarts {restarts}")
    if worker and os.waitpid(worker, os.WNOHANG)[0]:
        worker = None
        delay = min(0.8, 0.1 * 2**crashes)
        print(f"restart in {delay:.1f}")
        due = time.monotonic() + delay
        crashes += 1
    if due and time.monotonic() >= due:
        due = None
        restarts += 1
        worker = start()
    time.sleep(0.02)
if worker:
    os.kill(worker, signal.SIGTERM)
    os.waitpid(worker, 0)
