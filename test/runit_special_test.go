package test

import "fmt"

// runTold tells how it finds the world: see view.
const runTold = `(` + runitSurroundings + `) >"$TOLD.$(basename $0)" 2>&1
`

// runitSurroundings is what a script tells of its surroundings. PATH is that of the
// side; with us some variables come in addition, those of hooks for finish. Descriptors above 2 are
// dash's own (10) or those that it got.
const runitSurroundings = `echo "$0 $*"
pwd
grep -E '^(Sig(Blk|Ign|Cgt)|Cap|NoNewPrivs|Seccomp|Groups|Uid|Gid|Umask)' /proc/$$/status
umask; nice; ulimit -Sn; ulimit -Hn; ulimit -c
for fd in /proc/$$/fd/*; do [ ${fd##*/} = 10 ] || echo "${fd##*/} $(readlink $fd | sed 's/\[.*//')"; done
tr '\0' '\n' </proc/$$/environ | grep -vE '^(_|PATH|SUPERVISE_(SERVICE|TREE|HOOK)|EXIT_CODE|EXIT_STATUS|SERVICE_RESULT)=' | sort`

// runitSpecials are scenes of one thing each.
var runitSpecials = func() (all []runitScene) {
	add := func(name string, f files, steps string) {
		all = append(all, runitScene{name: name, files: f, steps: steps})
	}
	restarting := func(name string, f files, steps string) {
		all = append(all, runitScene{name: name, files: f, steps: steps, restarts: true})
	}

	// How run ends, and what finish is told.
	for _, end := range []string{"exit 0", "exit 1", "exit 100", "exit 111", "exit 255", "kill -TERM $$", "kill -KILL $$", "kill -HUP $$", "kill -USR1 $$", "kill -34 $$"} {
		add("run: "+end, files{"sv/s/run": "echo run >>journal; ulimit -c 0; " + end, "sv/s/finish": finishTelling}, "! lines s 4; ! sv -w 7 down s")
	}
	for name, run := range map[string]string{
		"is not executable": "-#!/bin/sh\nexit 0\n", "has no interpreter": "#!/missing", "is empty": "-",
		"is a directory": "", "is a dangling link": "->missing",
	} {
		f := files{"sv/s/run": run, "sv/s/finish": finishTelling}
		if run == "" {
			delete(f, "sv/s/run")
			f["sv/s/run/"] = ""
		}
		add("run "+name, f, "! lines s 2; ! sv -w 7 down s")
	}
	add("run is missing", files{"sv/s/finish": finishTelling}, "! lines s 2; ! sv -w 7 down s")
	add("run is a link", files{"sv/s/run": "->../../elsewhere", "elsewhere": runObedient}, "sv status s")

	// Pace: not more than one start a second.
	add("pace", files{"sv/s/run": `date +%s.%N >>times; echo run >>journal; exit 0`}, "! lines s 4; ! do "+paceKept)
	add("pace with finish", files{"sv/s/run": `date +%s.%N >>times; echo run >>journal; exit 0`, "sv/s/finish": finishTelling}, "! lines s 8; ! do "+paceKept)

	// finish.
	for name, finish := range map[string]string{
		"fails": finishTelling + "; exit 1", "dies": finishTelling + "; kill -KILL $$", "is not executable": "-" + finishTelling,
		"has no interpreter": "#!/missing", "is a dangling link": "->missing",
	} {
		add("finish "+name, files{"sv/s/run": runObedient, "sv/s/finish": finish}, "age s; raw s d; raw s u; age s; raw s t; sv status s")
	}
	add("finish hangs and is killed", files{"sv/s/run": runObedient, "sv/s/finish": finishHanging}, "age s; raw s d; kill s KILL; raw s u; raw s d; kill s KILL")
	add("finish gets signals", files{"sv/s/run": runObedient, "sv/s/finish": finishHanging}, "age s; raw s d; raw s t; raw s h; raw s i; raw s p; raw s c; raw s 1; raw s d; raw s u; kill s KILL; sv status s")
	add("finish comes while it runs", files{"sv/s/run": runObedient, "new": finishTelling}, "age s; do cp -p new sv/s/finish; raw s d; do rm sv/s/finish; raw s u; age s; raw s d")
	add("finish is stopped", files{"sv/s/run": runObedient, "sv/s/finish": finishHanging}, "age s; raw s d; kill s STOP; sv status s; kill s CONT; kill s KILL")

	// run gets signals from others.
	for _, sig := range []string{"TERM", "KILL", "HUP", "STOP", "ABRT"} {
		add("run gets "+sig, files{"sv/s/run": runObedient, "sv/s/finish": finishTelling}, "age s; kill s "+sig+"; sv status s")
	}
	add("stopped from outside, then TERM", files{"sv/s/run": runObedient}, "age s; kill s STOP; raw s t; raw s c; sv status s")
	add("paused twice, continued once", files{"sv/s/run": runObedient}, "age s; raw s p; raw s p; raw s c; sv status s")
	add("paused, TERM, then continued", files{"sv/s/run": runObedient}, "age s; raw s p; raw s t; raw s c; sv status s")
	add("CONT reaches it", files{"sv/s/run": "exec 3<>\"$HOLD\"; trap 'echo CONT >>journal' CONT; echo run >>journal; while :; do read x <&3; done"}, "age s; raw s c; raw s p; raw s c; kill s KILL")

	// Scripts for letters.
	for _, letter := range []string{"t", "d", "x", "k", "p", "c", "a", "h", "i", "q", "1", "2", "u", "o"} {
		for _, how := range []struct{ name, text string }{
			{"suppresses", "echo control $0 >>journal; exit 0"}, {"fails", "echo control $0 >>journal; exit 7"},
			{"is not executable", "-echo control $0 >>journal"}, {"has no interpreter", "#!/missing"},
		} {
			steps := "age s; raw s " + letter
			switch letter {
			case "u", "o":
				steps = "age s; raw s d; raw s " + letter
			case "c":
				steps = "age s; raw s p; raw s c"
			}
			add("control/"+letter+" "+how.name, files{"sv/s/run": runObedient, "sv/s/finish": finishTelling, "sv/s/control/" + letter: how.text}, steps)
		}
	}
	add("control/d and control/t", files{"sv/s/run": runStubborn, "sv/s/control/t": "echo t >>journal", "sv/s/control/d": "echo d >>journal"}, "age s; raw s d; raw s d; sv status s")
	add("control/u at each start", files{"sv/s/run": runObedient, "sv/s/control/u": "echo u >>journal; exit 1"}, "age s; raw s t; raw s d; raw s u; raw s o")
	add("control/u does not end", files{"sv/s/run": runObedient, "sv/s/down": "", "sv/s/control/u": "echo u >>journal; read x <../../gate", "gate": "FIFO"}, "raw s u; sv status s; do echo >gate; sv status s")
	add("control/h does not end", files{"sv/s/run": runObedient, "sv/s/control/h": "echo h >>journal; read x <../../gate", "gate": "FIFO"}, "age s; raw s h; raw s d; sv status s; do echo >gate; sv status s")
	add("control is a file", files{"sv/s/run": runObedient, "sv/s/control": "-"}, "age s; raw s h; raw s t")

	// What scripts find.
	told := files{"sv/s/run": runTold + runObedient, "sv/s/finish": runTold + finishTelling, "sv/s/control/u": runTold, "sv/s/control/h": runTold, "sv/s/check": runTold}
	// Scripts in control find TERM and CHLD blocked, as runsv has them; not with us.
	// With us they get the pid of run in addition, as an argument and as MAINPID.
	sees := "age s; sv check s; sv hup s; sv down s; ! do cat told.run; ! do cat told.finish; ! do grep -v SigBlk told.u; ! do grep -vE '^(SigBlk|MAINPID)' told.h | sed '1s/ .*//'; ! do cat told.check"
	add("what scripts find", told, sees)
	all = append(all, runitScene{name: "what scripts find, -P", files: told, steps: sees, args: []string{"-P", "sv"}})
	withLog := files{"sv/s/log/run": "TOLD=$TOLD.log\n" + runTold + logKeeping}
	for name, text := range told {
		withLog[name] = text
	}
	add("what scripts find, with log", withLog, sees+"; ! do cat told.log.run")

	session := files{"sv/s/run": `set -- $(sed 's/.*) //' /proc/$$/stat)
[ $3 = $$ ] && echo group own >>journal; [ $4 = $$ ] && echo session own >>journal
` + runObedient}
	add("session", session, "age s")
	all = append(all, runitScene{name: "session, -P", files: session, steps: "age s", args: []string{"-P", "sv"}})

	// supervise/
	add("files of supervise", files{"sv/s/run": runObedient, "sv/s/log/run": logKeeping}, "age s; ! do ls -lA sv/s/supervise sv/s/log/supervise | sed 's/ root.* / /'; ! do stat -c '%A %n' sv/s/supervise sv/s/log/supervise; ! do od -An -tx1 -j16 sv/s/supervise/status")
	add("supervise is a link", files{"sv/s/run": runObedient, "sv/s/supervise": "->../../elsewhere"}, "sv status s; ! do ls -A elsewhere")
	add("supervise is a link to what is there", files{"sv/s/run": runObedient, "sv/s/supervise": "->../../elsewhere", "elsewhere/": ""}, "sv status s")
	add("log/supervise is a link", files{"sv/s/run": runObedient, "sv/s/log/run": logKeeping, "sv/s/log/supervise": "->../../../elsewhere"}, "sv status s; ! do ls -A elsewhere")
	add("supervise is a file", files{"sv/s/run": runObedient, "sv/s/supervise": "-"}, "! do sleep 1; ! do ls -A sv/s")
	add("left by one that was killed", files{"sv/s/run": runObedient, "sv/s/supervise/control": "FIFO", "sv/s/supervise/ok": "FIFO", "sv/s/supervise/lock": "-", "sv/s/supervise/status": "-old", "sv/s/supervise/stat": "-run\n", "sv/s/supervise/pid": "-1\n", "sv/s/supervise/status.new": "-x"}, "sv status s; age s; sv down s")
	add("a second runsv", files{"sv/s/run": runObedient}, "age s; ! do /usr/bin/runsv sv/s; sv status s")

	restarting("exit, and it comes back", files{"sv/s/run": runObedient}, "age s; ! sv exit s; ! lines s 3; age s; sv status s")
	all = append(all, runitLogs()...)
	all = append(all, runitFolders()...)
	all = append(all, runitClients()...)
	return all
}()

// paceKept tells whether a second lies between all starts; or half of one, since
// run does not look at the clock at once when the machine is busy.
const paceKept = `awk 'NR > 1 { print ($1 - last > 0.5 ? "paced" : "only " $1 - last) } { last = $1 } NR == 4 { exit }' sv/s/times`

func runitLogs() (all []runitScene) {
	add := func(name string, f files, steps string) {
		all = append(all, runitScene{name: "log: " + name, files: f, steps: steps})
	}
	writing := tellingSignals + `n=0
trap 'n=$((n+1)); echo line $n; echo err >&2' USR1
trap 'echo last; exit 0' TERM
echo run >>journal
while :; do read x <&3; done`
	f := files{"sv/s/run": writing, "sv/s/finish": "echo from finish; " + finishTelling, "sv/s/log/run": logKeeping, "sv/s/control/h": "echo from control"}
	add("lines come", f, "raw s 1; raw s h; age s; raw s t; raw s 1; sv status s")
	add("restarts", f, "age s/log; raw s 1; raw s/log t; raw s 1; raw s 1; sv status s")
	add("down and up", f, "age s/log; sv down s/log; raw s 1; sv status s; sv up s/log; sv status s s/log")
	add("killed", f, "age s/log; raw s 1; kill s/log KILL; raw s 1; sv status s")
	add("exit", f, "age s; raw s 1; sv exit s")
	add("exit of the log", f, "age s; sv exit s/log; sv status s; sv -w 1 shutdown s/log")
	add("hup, pause, cont of the log", f, "age s; raw s/log h; sv pause s/log; raw s 1; sv cont s/log; sv status s")
	add("once", f, "age s/log; sv once s/log; raw s/log t; raw s 1; sv status s; raw s/log u")
	add("own control", files{"sv/s/run": writing, "sv/s/log/run": logKeeping, "sv/s/log/control/t": "echo control >>journal", "sv/s/log/control/u": "echo control >>journal"}, "age s/log; raw s/log t; raw s/log d; raw s/log u")
	add("own finish", files{"sv/s/run": writing, "sv/s/log/run": logKeeping, "sv/s/log/finish": finishTelling}, "age s/log; raw s/log t; raw s/log d")
	add("own down", files{"sv/s/run": writing, "sv/s/log/run": logKeeping, "sv/s/log/down": ""}, "raw s 1; sv status s; sv up s/log; sv status s")
	add("crashes", files{"sv/s/run": writing, "sv/s/log/run": runCrashing}, "! lines s/log 3; ! raw s 1; ! sv -w 7 down s/log; sv down s; sv status s")
	add("run is missing", files{"sv/s/run": writing, "sv/s/log/": ""}, "! comes sv/s; ! sv -w 7 stop s/log; ! stat s/log down; raw s 1; age s; sv down s")
	add("is a file", files{"sv/s/run": writing, "sv/s/log": "-"}, "raw s 1; sv status s; age s; sv down s")
	add("is a link", files{"sv/s/run": writing, "sv/s/log": "->../../elsewhere", "elsewhere/run": logKeeping}, "raw s 1; sv status s; age s; sv down s; do cat elsewhere/journal")
	add("ignores the end", files{"sv/s/run": writing, "sv/s/log/run": runStubborn}, "age s; sv exit s; sv status s")
	add("with grandchildren that hold it", files{"sv/s/run": `echo run >>journal; (trap '' TERM; exec 3<>"$HOLD"; echo child; while :; do read x <&3; done) & exec 3<>"$HOLD"; trap 'exit 0' TERM; while :; do read x <&3; done`, "sv/s/log/run": logKeeping}, "age s; sv down s; sv status s")
	add("all states", f, "sv down s; sv down s/log; sv status s s/log; sv up s s/log; age s; sv -w 5 restart s")
	return all
}

func runitFolders() (all []runitScene) {
	add := func(name string, f files, steps string, args ...string) {
		all = append(all, runitScene{name: "folder: " + name, files: f, steps: steps, args: args, restarts: true})
	}
	s := files{"sv/s/run": runObedient}
	add("names", files{"sv/s/run": runObedient, "sv/.hidden/run": runObedient, "sv/file": "-", "sv/dangling": "->missing", "sv/with blank/run": runObedient, "sv/name@1.x/run": runObedient}, "sv status s")
	add("links", files{"sv/s": "->../all/s", "all/s/run": runObedient, "all/t/run": runObedient}, "age s; sv down s; sv status s; do ls -A all/s all/t")
	add("appears as a link", files{"sv/s/run": runObedient, "all/t/run": runObedient}, "! do ln -s ../all/t sv/t; ! stat t run; age t; sv status s t")
	add("appears by a rename", files{"sv/s/run": runObedient, "all/t/run": runObedient}, "! do mv all/t sv/t; ! stat t run; age t; sv status s t")
	add("appears as .name first", files{"sv/s/run": runObedient, "sv/.t/run": runObedient}, "! do mv sv/.t sv/t; ! stat t run; age t; sv status s t")
	add("link is removed", files{"sv/s": "->../all/s", "all/s/run": runObedient}, "age s; ! do rm sv/s; ! gone all/s; ! do cat all/s/journal")
	add("link is removed, with log", files{"sv/s": "->../all/s", "all/s/run": runObedient, "all/s/log/run": logKeeping}, "age s; ! do rm sv/s; ! gone all/s; ! do cat all/s/journal all/s/log/journal")
	add("moved away", files{"sv/s/run": runObedient, "all/": ""}, "age s; ! do mv sv/s all/s; ! gone all/s; ! do cat all/s/journal")
	add("removed and made again", files{"sv/s": "->../all/s", "all/s/run": runObedient}, "age s; ! do rm sv/s; ! gone all/s; ! do ln -s ../all/s sv/s; ! stat s run; age s; sv status s")
	add("two links to one", files{"sv/s": "->../all/s", "sv/t": "->../all/s", "all/s/run": runObedient}, "age s; sv status s t; sv down t; sv status s")
	add("renamed", s, "age s; ! do mv sv/s sv/t; do sleep 6; sv status t")
	add("link to another", files{"sv/s": "->../all/s", "all/s/run": runObedient, "all/t/run": runObedient}, "age s; ! do ln -sfn ../all/t sv/s; ! gone all/s; ! stat s run; age s; sv status s")
	add("folder is a link", files{"sv/s/run": runObedient, "current": "->sv"}, "age s; sv status s", "current")
	add("switched", files{"one/s/run": runObedient, "two/t/run": runObedient, "current": "->one"}, "! comes one/s; ! do ln -sfn two current; ! comes two/t; ! gone one/s; ! do cat one/s/journal two/t/journal", "current")
	add("is a file", files{"there": "-"}, "", "there")
	add("empty at first", files{"all/t/run": runObedient}, "! do mv all/t sv/t; ! stat t run; age t; sv status t")
	add("more of an argument", s, "age s; sv status s", "sv", "log: ...........................")
	add("--", s, "age s; sv status s", "--", "sv")
	add("no argument", s, "! ended", "-P")
	add("an option that is none", s, "! ended; ", "-X")
	add("TERM", s, "age s; runsvdir TERM; ended; sv status s")
	add("INT", s, "age s; runsvdir INT; ended; sv status s")
	add("HUP", s, "age s; runsvdir HUP; ended; sv status s")
	add("HUP, stubborn", files{"sv/s/run": runStubborn, "sv/t/run": runObedient}, "age s; age t; runsvdir HUP; ended; sv status s t")
	add("killed, and started again", s, "age s; runsvdir KILL; ended; ! again; ! sv -w 20 restart s; age s; sv status s")
	add("many", manyServices(40), "age s7; sv -w 5 stop s1 s2 s3; sv status s1 s2 s3 s4; sv -w 9 restart s1 s2 s3 s9")
	return all
}

func manyServices(n int) files {
	f := files{}
	for i := range n {
		f[fmt.Sprintf("sv/s%d/run", i)] = runObedient
	}
	return f
}

func runitClients() (all []runitScene) {
	add := func(name string, f files, steps string) {
		all = append(all, runitScene{name: "sv: " + name, files: f, steps: steps})
	}
	three := files{"sv/a/run": runObedient, "sv/b/run": runStubborn, "sv/c/run": runObedient, "sv/c/down": "", "plain/run": runObedient}
	add("several", three, "age a; age b; sv status a b c; sv -w 1 stop a b c; sv -w 1 start a b c; sv -w 1 check a b c")
	add("unknown", three, "sv status a missing; sv up missing a; sv -w 1 start missing a; sv status plain ../plain")
	add("paths", three, "do SVDIR=sv sv status a; ! do SVDIR=$PWD/sv sv status ./sv/a sv/a/ $PWD/sv/a; ! do cd sv && sv status ./a a/; ! do cd sv/a && sv status . ./log")
	add("usage", three, "sv; ! sv status; ! sv foo a; ! sv -x status a; ! sv -w; ! sv -V; ! sv rest a; ! sv -w 1 status a; ! sv s a; ! sv statusx a")
	add("short verbs", three, "age a; sv u a; sv d a; sv o a; sv t a; sv X c; sv e a")
	add("verbose", three, "age a; sv -v up a; sv -v -w 1 down b; sv -v once c; sv -v -w 3 term a; sv -v pause a; sv -v cont a; sv -v hup a")
	add("as init script", three, "age a; as a status; as c status; as c start; as c status; as a stop; as a status; as a restart; as a reload; as a force-stop; as missing status; as a; as a up; as a foo; as a -w 1 force-reload")
	add("SVWAIT", three, "age b; ! do SVWAIT=1 sv stop b; ! do SVWAIT=x sv -w 1 start b; ! do SVWAIT=1 sv stop b b")
	add("waits for seven seconds", files{"sv/b/run": runStubborn}, "age b; sv stop b")
	add("force-stop of several", three, "age a; age b; sv -w 1 force-stop a b c; sv status a b c")
	add("check", files{"sv/a/run": runObedient, "sv/a/check": "echo to nowhere; echo to stderr >&2; exit 0", "sv/b/run": runObedient, "sv/b/check": "-exit 1", "sv/c/run": runObedient, "sv/c/check": "#!/missing"}, "age a; sv -w 1 start a; sv -w 1 check a; sv -w 1 start b; sv -w 1 start c")
	add("check sees the state", files{"sv/a/run": runObedient, "sv/a/check": `test -e ready`}, "age a; sv -w 1 start a; do touch sv/a/ready; sv -w 1 start a; sv -w 1 restart a; sv -w 1 stop a")
	add("nobody supervises", files{"sv/.a/run": runObedient, "sv/b/run": runObedient}, "age b; sv status .a; sv up ../sv/.a")
	return all
}
