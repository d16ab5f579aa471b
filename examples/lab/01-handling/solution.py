#en A solution of exercise 1.
#es Una solución del ejercicio 1.
import signal
import time

count = 0
going_on = True


def on_usr1(number, frame):
    global count
    count += 1
    print("count", count)


def on_term(number, frame):
    global going_on
    going_on = False


signal.signal(signal.SIGUSR1, on_usr1)
signal.signal(signal.SIGHUP, signal.SIG_IGN)
signal.signal(signal.SIGTERM, on_term)
print("ready")
while going_on:
    time.sleep(0.1)
print("bye after", count)
