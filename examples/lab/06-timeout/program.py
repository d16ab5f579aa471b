#en A timeout for any function: a timer, and a handler that raises.
#es Un tiempo límite para cualquier función: un temporizador, y un manejador que lanza.
import signal
import sys
import time


class Timeout(Exception):
    pass


def with_timeout(seconds, function, *args):
    def on_alarm(number, frame):
        raise Timeout(f"longer than {seconds} s")

    #en First the handler, then the timer: else ALRM could come to nobody.
    #es Primero el manejador, luego el temporizador: si no, ALRM podría llegar a nadie.
    before = signal.signal(signal.SIGALRM, on_alarm)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        return function(*args)
    finally:
        #en In this order, and whichever way the function ended.
        #es En este orden, y sea cual sea el final de la función.
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def attempt(title, function, *args):
    begin = time.monotonic()
    try:
        outcome = f"returned {with_timeout(0.5, function, *args)!r}"
    except Timeout as why:
        outcome = f"Timeout: {why}"
    print(f"{title:<20} {outcome}   ({time.monotonic() - begin:.2f} s)")


def deaf():
    while True:
        try:
            time.sleep(0.3)
        except Exception:
            return "what I have swallowed"


if sys.argv[1:] == ["sleep"]:
    print("I sleep for ten seconds, and know of no timeout")
    time.sleep(10)

begin = time.perf_counter()
sum(range(2_000_000))
a_second = int(2_000_000 / (time.perf_counter() - begin))

attempt("fast: max(3, 4)", max, 3, 4)
attempt("slow: sleep(10)", time.sleep, 10)
attempt("in C: sum of many", sum, range(a_second))
attempt("it catches all", deaf)
