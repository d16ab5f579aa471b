#en Exercise 2: say who sent each USR1, as "USR1 from PID".
#en TERM ends the program with status 0.
#es Ejercicio 2: di quién envió cada USR1, así: "USR1 from PID".
#es TERM termina el programa con código de salida 0.
import os
import signal

#en TODO: block USR1 and TERM
#es TODO: bloquea USR1 y TERM

signal.raise_signal(signal.SIGUSR1)
print("ready")

#en TODO: in a loop, take one of the two with signal.sigwaitinfo; of USR1 say
#en who sent it, and with TERM leave the loop
#es TODO: en un bucle, recoge una de las dos con signal.sigwaitinfo; de USR1
#es di quién la envió, y con TERM sal del bucle
