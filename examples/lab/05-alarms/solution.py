#en A solution of exercise 5.
#es Una solución del ejercicio 5.
import signal
import sys

running = True


def on_alarm(number, frame):
    print("tick")


def on_usr1(number, frame):
    global running
    running = not running
    signal.setitimer(signal.ITIMER_REAL, *((0.1, 0.1) if running else (0, 0)))
    print("resumed" if running else "paused")


#en While it ends, Python takes its handlers away: ALRM would kill then.
#es Al terminar, Python retira sus manejadores: ALRM mataría entonces.
def on_term(number, frame):
    signal.setitimer(signal.ITIMER_REAL, 0)
    sys.exit(0)


signal.signal(signal.SIGALRM, on_alarm)
signal.signal(signal.SIGUSR1, on_usr1)
signal.signal(signal.SIGTERM, on_term)
print("ready")
signal.setitimer(signal.ITIMER_REAL, 0.1, 0.1)
while True:
    signal.pause()
