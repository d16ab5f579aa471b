package test

// Scripts of the services. Each writes a line to the journal in its directory
// when it begins and for what happens to it.
const (
	// It tells its signals and ends at TERM.
	runObedient = tellingSignals + `trap 'echo TERM >>journal; exit 0' TERM
echo run >>journal
while :; do read x <&3; done`
	// It does not end at TERM.
	runStubborn = tellingSignals + `trap 'echo TERM >>journal' TERM
echo run >>journal
while :; do read x <&3; done`
	// It ends at once.
	runCrashing = `echo run >>journal; exit 3`
	// It tells its arguments.
	finishTelling = `echo finish $* >>journal`
	// It does not end.
	finishHanging = tellingSignals + `trap 'echo finish TERM >>journal' TERM
echo finish $* >>journal
while :; do read x <&3; done`

	tellingSignals = `exec 3<>"$HOLD"
for s in HUP INT QUIT USR1 USR2 ALRM; do trap "echo $s >>journal" $s; done
`
	// A log that keeps what comes, and tells its signals.
	logKeeping = `trap 'echo log TERM >>journal; exit 0' TERM
echo log run >>journal
while read line; do echo "$line" >>journal; done
echo log end >>journal`
)

type files = map[string]string

// runitStates are states of a service s, and the way there.
var runitStates = []struct {
	name  string
	files files
	steps string
}{
	{"never started", files{"sv/s/run": runObedient, "sv/s/down": ""}, ""},
	{"up", files{"sv/s/run": runObedient}, "age s"},
	{"down", files{"sv/s/run": runObedient, "sv/s/finish": finishTelling}, "age s; raw s d"},
	{"down wanted", files{"sv/s/run": runStubborn, "sv/s/finish": finishTelling}, "age s; raw s d"},
	{"paused", files{"sv/s/run": runObedient}, "age s; raw s p"},
	{"finishing", files{"sv/s/run": runObedient, "sv/s/finish": finishHanging}, "age s; raw s t"},
	{"finishing, down wanted", files{"sv/s/run": runObedient, "sv/s/finish": finishHanging}, "age s; raw s d"},
	{"once", files{"sv/s/run": runObedient, "sv/s/down": ""}, "raw s o; age s"},
	{"exit wanted", files{"sv/s/run": runStubborn}, "age s; raw s x"},
	{"finishing, exit wanted", files{"sv/s/run": runObedient, "sv/s/finish": finishHanging}, "age s; raw s x"},
	{"up with log", files{"sv/s/run": runObedient, "sv/s/log/run": logKeeping}, "age s"},
	{"check fails", files{"sv/s/run": runObedient, "sv/s/check": "exit 1"}, "age s"},
}

// runitVerbs are tried in each state. Those of a line belong to one scene.
var runitVerbs = []string{
	"sv status s; sv hup s; sv alarm s; sv interrupt s; sv quit s; sv 1 s; sv 2 s; sv cont s; sv -w 1 check s",
	"sv up s; sv down s; sv up s",
	"sv down s; sv term s",
	"sv once s; sv term s",
	"sv pause s; sv status s; sv cont s",
	"sv term s; sv status s",
	"sv kill s; sv status s",
	"sv exit s; sv status s",
	"sv -w 1 start s",
	"sv -w 1 stop s; sv -w 1 start s",
	"sv -w 1 reload s; sv -w 1 restart s",
	"sv -w 1 try-restart s",
	"sv -w 1 shutdown s",
	"sv -w 1 force-stop s",
	"sv -w 1 force-reload s",
	"sv -w 1 force-restart s",
	"sv -w 1 force-shutdown s",
	"raw s o; raw s u; raw s d; raw s zc; raw s p; raw s ctx",
}

// allRunitScenes are all scenes.
func allRunitScenes() (all []runitScene) {
	for _, state := range runitStates {
		for _, verbs := range runitVerbs {
			steps := verbs
			if state.steps != "" {
				steps = state.steps + "; " + verbs
			}
			all = append(all, runitScene{name: state.name + "/" + verbs, files: state.files, steps: steps})
		}
	}
	return append(all, runitSpecials...)
}
