#en Children that get SEGV: by their own fault, and from outside.
#es Hijos que reciben SEGV: por culpa propia, y desde fuera.
import ctypes
import os
import resource
import signal

resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def handler(number, frame):
    print("   the handler runs:", signal.Signals(number).name)


def fault():
    print("   I read what is at address 0")
    ctypes.string_at(0)


def sent_and_handled():
    signal.signal(signal.SIGSEGV, handler)
    os.kill(os.getpid(), signal.SIGSEGV)
    print("   and I go on")


#en The kernel sends SEGV, Python takes note of it and returns, the instruction
#en is tried again, and faults again. The handler never runs. ALRM, which is
#en not handled, gets us out.
#es El núcleo envía SEGV, Python toma nota y vuelve, la instrucción se intenta
#es de nuevo y falla de nuevo. El manejador no se ejecuta nunca. ALRM, que no
#es se maneja, nos saca de ahí.
def fault_with_handler():
    signal.signal(signal.SIGSEGV, handler)
    signal.setitimer(signal.ITIMER_REAL, 0.5)
    fault()


for play in (fault, sent_and_handled, fault_with_handler):
    print(play.__name__)
    child = os.fork()
    if child == 0:
        play()
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        print("   killed by", signal.Signals(os.WTERMSIG(status)).name)
    else:
        print("   exit", os.WEXITSTATUS(status))

signal.signal(signal.SIGSEGV, handler)
print("ready: now send SEGV to me, who has done nothing wrong")
signal.pause()
