package lab

// Desk is what `supervise lab` says.
var Desk = struct {
	Short, ShortList, ShortShow, ShortRun, ShortCheck, ShortStart,
	FlagLang, FlagProgram, FlagExercise, FlagSolution, FlagJSON,
	Heading, Ran, Passed, Total, AllDone, Next, NotKept, Broken,
	ShowNext, Legend, Stuck, Over, Seen, LeftOut, RunNext,
	Task, Case, CaseFailed, LookHere, CheckPassed, CheckFailed, CheckNext, Finished,
	Started, StartNext,
	NoCommand, NoNumber, NoLab, NoPython, NoFile, Exists, BadLang Words
}{
	Short:        Words{"a course on signals: read, run, look, change", "un curso sobre señales: leer, ejecutar, mirar, cambiar"},
	ShortList:    Words{"the labs, and how far you are", "los laboratorios y por dónde vas"},
	ShortShow:    Words{"print the text of a lab", "mostrar el texto de un laboratorio"},
	ShortRun:     Words{"run a lab's program under the recorder", "ejecutar el programa de un laboratorio bajo el registrador"},
	ShortCheck:   Words{"run your own program for a lab's exercise, and say what is missing", "ejecutar tu propio programa para un ejercicio, y decir qué le falta"},
	ShortStart:   Words{"put the beginnings of an exercise into a directory", "dejar el punto de partida de un ejercicio en un directorio"},
	FlagLang:     Words{"`LANGUAGE` of the course: en or es (default: that of the locale)", "idioma (`LANGUAGE`) del curso: en o es (por omisión, el de la configuración regional)"},
	FlagProgram:  Words{"print the program in place of the text", "mostrar el programa en lugar del texto"},
	FlagExercise: Words{"print the beginnings of the exercise in place of the text", "mostrar el punto de partida del ejercicio en lugar del texto"},
	FlagSolution: Words{"print a solution of the exercise in place of the text", "mostrar una solución del ejercicio en lugar del texto"},
	FlagJSON:     Words{"JSON, for programs", "JSON, para programas"},

	Heading: Words{"How signals really travel: a course in %d labs", "Cómo viajan de verdad las señales: un curso en %d laboratorios"},
	Ran:     Words{"seen", "visto"},
	Passed:  Words{"done", "hecho"},
	Total:   Words{"%d of %d exercises are done.", "%d de %d ejercicios hechos."},
	AllDone: Words{"All exercises are done. What you have learnt is what `supervise run` and `supervise up` do for your programs.", "Has hecho todos los ejercicios. Lo que has aprendido es lo que `supervise run` y `supervise up` hacen por tus programas."},
	Next:    Words{"Go on with: %s", "Sigue con: %s"},
	NotKept: Words{"Progress is not kept: %v.", "No se guarda tu avance: %v."},
	Broken:  Words{"%s could not be read as progress, and is kept as %s; progress begins anew.", "%s no se pudo leer como avance y se conserva como %s; el avance empieza de nuevo."},

	ShowNext: Words{"Run it: %s", "Ejecútalo: %s"},
	Legend:   Words{"%s the program writes   %s somebody types   %s the recorder sees", "%s el programa escribe   %s alguien teclea   %s el registrador ve"},
	Seen:     Words{"What was seen", "Lo que se ha visto"},
	Stuck:    Words{"(This run was ended early: what was to come next did not come.)", "(Esta ejecución se terminó antes de tiempo: no llegó lo que debía seguir.)"},
	Over:     Words{"the lab is over, and nothing is left of it", "el laboratorio terminó, y no queda nada de él"},
	LeftOut:  Words{"(left out: %s is not installed here)", "(se omite: %s no está instalado aquí)"},
	RunNext:  Words{"Now you: %s", "Ahora tú: %s"},

	Task:        Words{"The exercise", "El ejercicio"},
	Case:        Words{"%d. %s", "%d. %s"},
	CaseFailed:  Words{"What your program did:", "Lo que hizo tu programa:"},
	LookHere:    Words{"Where to look:", "Dónde mirar:"},
	CheckPassed: Words{"Passed. Well done.", "Superado. ¡Bien hecho!"},
	CheckFailed: Words{"Not yet. Change %s, and check it again.", "Todavía no. Cambia %s y vuelve a comprobarlo."},
	CheckNext:   Words{"Next: %s", "Siguiente: %s"},
	Finished:    Words{"That was the last lab.", "Este era el último laboratorio."},

	Started:   Words{"%s is yours to edit.", "%s es tuyo: edítalo."},
	StartNext: Words{"Then: %s", "Después: %s"},

	NoCommand: Words{"lab has no command %q; it has list, show, run, start and check", "lab no tiene la orden %q; tiene list, show, run, start y check"},
	NoNumber:  Words{"write it as: supervise lab %s, with N from 1 to %d", "escríbelo así: supervise lab %s, con N de 1 a %d"},
	NoLab:     Words{"there is no lab %q: they go from 1 to %d, and `supervise lab` lists them", "no existe el laboratorio %q: van del 1 al %d, y `supervise lab` los muestra"},
	NoPython:  Words{"the labs are Python programs, and there is no python3 in PATH; install it with: %s", "los laboratorios son programas en Python y no hay ningún python3 en PATH; instálalo con: %s"},
	NoFile:    Words{"there is no file %s: `supervise lab start %d` puts the beginnings of the exercise here, or name your file", "no existe el archivo %s: `supervise lab start %d` deja aquí el punto de partida del ejercicio, o indica tu archivo"},
	Exists:    Words{"%s is there already, and stays as it is; name another directory, or check it: %s", "%s ya existe y se queda como está; indica otro directorio, o compruébalo: %s"},
	BadLang:   Words{"--lang: %q is none: the course is in en (English) and es (Spanish)", "--lang: %q no vale: el curso está en en (inglés) y es (español)"},
}
