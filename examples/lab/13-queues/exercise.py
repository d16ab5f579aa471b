#en Exercise 13: count every RTMIN+1. TERM: print "counted N", and end with status 0.
#es Ejercicio 13: cuenta cada RTMIN+1. TERM: imprime "counted N" y termina con código 0.
import signal

RT = signal.SIGRTMIN + 1
count = 0


#en TODO: a handler loses some
#es TODO: un manejador pierde algunas
def on_rt(number, frame):
    global count
    count += 1


signal.signal(RT, on_rt)

print("ready")
#en Busy: they all come meanwhile. This line stays.
#es Ocupado: llegan todas mientras tanto. Esta línea se queda.
sum(range(50_000_000))

#en TODO
#es TODO
signal.sigwait({signal.SIGTERM})
print("counted", count)
