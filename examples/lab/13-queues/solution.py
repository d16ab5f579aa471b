#en A solution of exercise 13.
#es Una solución del ejercicio 13.
import signal

RT = signal.SIGRTMIN + 1
both = {RT, signal.SIGTERM}
count = 0

signal.pthread_sigmask(signal.SIG_BLOCK, both)
print("ready")
#en Busy: they all come meanwhile. This line stays.
#es Ocupado: llegan todas mientras tanto. Esta línea se queda.
sum(range(50_000_000))

while signal.sigwaitinfo(both).si_signo == RT:
    count += 1
#en TERM overtakes them: its number is lower.
#es TERM las adelanta: su número es menor.
while signal.sigtimedwait({RT}, 0):
    count += 1
print("counted", count)
