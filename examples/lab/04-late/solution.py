#en A solution of exercise 4.
#es Una solución del ejercicio 4.
import signal

END = 1_000_000_000_000
PIECE = 200_000

going_on = True


def on_usr1(number, frame):
    print("got USR1")


def on_term(number, frame):
    global going_on
    going_on = False


signal.signal(signal.SIGUSR1, on_usr1)
signal.signal(signal.SIGTERM, on_term)
print("ready")

total = at = 0
while going_on and at < END:
    total += sum(range(at, at + PIECE))
    at += PIECE
print("done" if at == END else "stopped at", at)
