#en A solution of exercise 2.
#es Una solución del ejercicio 2.
import signal

both = {signal.SIGUSR1, signal.SIGTERM}
signal.pthread_sigmask(signal.SIG_BLOCK, both)

signal.raise_signal(signal.SIGUSR1)
print("ready")

while True:
    info = signal.sigwaitinfo(both)
    if info.si_signo == signal.SIGTERM:
        break
    print("USR1 from", info.si_pid)
