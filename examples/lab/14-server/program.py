#en A server as it should be: signals come in as messages, one loop handles
#en them one after the other, a worker that crashes is started again with
#en backoff, TERM ends it all in good order.
#es Un servidor como debe ser: las señales entran como mensajes, un único bucle
#es las trata una tras otra, un trabajador que cae se arranca de nuevo con
#es backoff, y TERM lo termina todo en orden.
import os
import select
import signal
import sys
import time

INITIAL, FACTOR, MAX, GRACE = 0.2, 2, 2.0, 1.0


#en The worker does jobs. TERM lets it finish the one at hand.
#es El trabajador hace trabajos. TERM le deja acabar el que tiene entre manos.
def work():
    going_on = True

    def on_term(number, frame):
        nonlocal going_on
        going_on = False

    signal.set_wakeup_fd(-1)
    for name in HANDLED:
        signal.signal(name, signal.SIG_DFL)
    signal.signal(signal.SIGTERM, on_term)
    job = 0
    while going_on:
        job += 1
        print(f"   job {job} of worker {os.getpid()}")
        time.sleep(0.15)
    os._exit(0)


#en Python's C handler writes the signal's number into this pipe at once,
#en whatever the interpreter is doing: nothing is lost, nothing comes too early.
#es El manejador en C de Python escribe el número de la señal en esta tubería
#es al instante, haga lo que haga el intérprete: nada se pierde ni se adelanta.
incoming, wakeup = os.pipe()
os.set_blocking(incoming, False)
os.set_blocking(wakeup, False)
signal.set_wakeup_fd(wakeup)
HANDLED = (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGCHLD)
for name in HANDLED:
    signal.signal(name, lambda number, frame: None)

configuration, restarts, crashes = 1, 0, 0
stopping = False
worker = None
begin = started = time.monotonic()
due = begin  # when there is something to do: a start, or KILL in place of TERM
print("ready, pid", os.getpid())

while True:
    now = time.monotonic()
    if due is not None and now >= due:
        due = None
        if stopping:
            print("the worker does not listen: KILL")
            os.kill(worker, signal.SIGKILL)
        else:
            worker = os.fork() or work()
            started = now

    #en The one place where it waits: for signals, and for the next deadline.
    #es El único sitio donde espera: a las señales y al próximo plazo.
    select.select([incoming], [], [], None if due is None else max(0, due - time.monotonic()))
    try:
        signals = os.read(incoming, 64)
    except BlockingIOError:
        signals = b""
    for number in signals:
        if number == signal.SIGHUP:
            configuration += 1
            print("HUP: configuration", configuration, "is in force")
        elif number == signal.SIGUSR1:
            print(f"up {time.monotonic() - begin:.1f} s, {restarts} restarts, configuration {configuration}")
        elif number == signal.SIGTERM and not stopping:
            stopping = True
            print("TERM: the worker finishes its job")
            if worker is None:
                sys.exit(0)
            os.kill(worker, signal.SIGTERM)
            due = time.monotonic() + GRACE

    #en CHLD may stand for several: so ask until there is no more.
    #es CHLD puede valer por varios: por eso se pregunta hasta que no hay más.
    while worker is not None:
        pid, status = os.waitpid(worker, os.WNOHANG)
        if pid == 0:
            break
        worker = None
        if stopping:
            print("the worker has ended, and so do I")
            sys.exit(0)
        why = signal.Signals(os.WTERMSIG(status)).name if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
        crashes = 1 if time.monotonic() - started > 5 else crashes + 1
        restarts += 1
        delay = min(MAX, INITIAL * FACTOR ** (crashes - 1))
        print(f"the worker ended by {why}; restart in {delay:.1f} s")
        due = time.monotonic() + delay
