package test

import (
	"fmt"
	"testing"

	"golang.org/x/sys/unix"

	"supervise/internal/signals"
)

// As PID 1 of a namespace.
func TestCompatInit(t *testing.T) {
	t.Parallel()
	root := worlds[0]
	root.needed(t)
	scenes := []struct{ name, script string }{
		{"true", "true"},
		{"exits 3", "exit 3"},
		{"dies of a signal", "kill -KILL $$"},
		// All are reaped when there are only PID 1 and the shell.
		{"orphans", `i=0; while [ $i -lt 20 ]; do (exit $i &); i=$((i+1)); done; until set -- /proc/[0-9]*; [ $# -le 2 ]; do sleep 0.05; done`},
		{"orphan obeys", `setsid sh -c 'trap "echo orphan gets TERM; exit" TERM; echo ready >ready; while :; do sleep 0.05; done' & read x <ready`},
		{"orphan resists", `setsid sh -c 'trap "" TERM; echo ready >ready; exec sleep 1000' & read x <ready`},
	}
	for _, line := range []string{"tini", "tini -w", "tini -g -v", "dumb-init", "dumb-init -c", "dumb-init -r 15:0"} {
		t.Run(line, func(t *testing.T) {
			for _, x := range scenes {
				compare(t, x.name, func(w wrap) string {
					if err := unix.Mkfifo(w.path("ready"), 0o600); err != nil {
						w.t.Fatal(err)
					}
					words := w.words(line)
					cmd := w.command(words[0], append(words[1:], "--", "sh", "-c", x.script)...)
					in := root.command(w.stage, append([]string{cmd.Path}, cmd.Args[1:]...)...)
					in.Env = cmd.Env
					return w.outcome(w.start(in))
				})
			}
		})
	}
}

// A subreaper sees the orphans, and ends them.
func TestCompatSubreaper(t *testing.T) {
	t.Parallel()
	compare(t, "reaps", func(w wrap) string {
		// They end when they are orphans, and the shell when they have been reaped.
		return w.outcome(w.start(w.command("tini", "-s", "-w", "--", "sh", "-c", `mkfifo go1 go2
			(read x <go1 & echo $! >pid1); (read x <go2 & echo $! >pid2); : >go1; : >go2
			read a <pid1; read b <pid2; while [ -e /proc/$a ] || [ -e /proc/$b ]; do sleep 0.05; done; exit 5`)))
	})
	for name, rule := range map[string]string{"orphan lives on": "TERM=9", "orphan that resists lives on": "HUP=9"} {
		compare(t, name, func(w wrap) string {
			v := w.start(w.command("tini", "-s", "--", program("probe"), "main"))
			main := w.probe("main")
			main.say("escape orphan %s", rule)
			orphan := w.probe("orphan")
			main.say("exit 5")
			v.exits(5)
			_, _ = fmt.Fprintln(orphan.conn, "write lives")
			select {
			case r, ok := <-orphan.told:
				switch {
				case !ok:
					return "it is gone"
				case r.What == "written":
					return "it lives"
				}
				return r.Signal.String()
			case <-late(w.t):
				w.t.Fatal("the orphan neither lives nor is gone")
			}
			return ""
		})
	}
	// Where we adopt nobody, nobody is ours to end.
	for _, line := range []string{"tini --", "dumb-init", "dumb-init -c"} {
		compare(t, line+" adopts nobody", func(w wrap) string {
			words := w.words(line)
			v := w.start(w.command(words[0], append(words[1:], program("probe"), "main")...))
			main := w.probe("main")
			main.say("spawn sibling")
			sibling := w.probe("sibling")
			main.say("escape orphan")
			orphan := w.probe("orphan")
			main.say("exit 5")
			v.exits(5)
			got := ""
			if line == "dumb-init" {
				got = sibling.hears(signals.TERM).Signal.String()
			}
			sibling.lives()
			orphan.lives()
			return got
		})
	}
}

func TestCompatNested(t *testing.T) {
	t.Parallel()
	for _, script := range []string{
		"tini -s -- dumb-init -- tini -g -- sh -c 'exit 3'",
		"dumb-init -v -- dumb-init -c -- tini -- sh -c 'kill -TERM $$'",
		"tini -g -- tini -vvv -s -- sh -c 'exit 4'",
		"dumb-init tini -- missing",
		"echo exit 6 | tini sh",
		"echo exit 6 | dumb-init sh",
		"tini -s -- echo hello | tini -s -- cat",
		"tini -vvv -- echo first",
		"tini -vvv -- sh -c 'echo first; echo second >&2'",
		"dumb-init -v sh -c 'echo first; echo second >&2' 2>&1",
		"tini -s -- yes | head -n 3",
		"dumb-init yes | head -n 3",
		"tini -v -- echo x >/dev/full; echo $?",
	} {
		compare(t, script, func(w wrap) string {
			sh := w.stage.command("/bin/bash", "-c", script)
			sh.Env = w.command("tini").Env
			return w.outcome(w.start(sh))
		})
	}
}

// Ctrl-Z and Ctrl-C under a shell with job control.
func TestCompatJobControl(t *testing.T) {
	t.Parallel()
	for _, line := range []string{"dumb-init -c", "dumb-init", "tini -s --"} {
		compare(t, line, func(w wrap) string {
			x := w.shellWith(w.command("tini").Env)
			x.command(line + " probe main TSTP=default TTIN=default TTOU=default INT=4")
			main := w.probe("main")
			saw := "front " + map[bool]string{true: "own", false: "other"}[main.answers("front", "front").Number == main.PGID] + "\n"
			if line == "dumb-init -c" {
				// Both are in the shell's job, and both stop.
				x.types(ctrlZ)
				x.shows(`Stopped`)
				x.prompts()
				x.command("fg")
				eventually(w.t, "it goes on", func() bool { return statusField(w.t, main.outer, "State")[:1] != "T" })
			}
			x.types(ctrlC)
			for {
				r, ok := <-main.told
				if !ok {
					break
				}
				if r.Signal != signals.CONT {
					saw += r.Signal.String() + "\n"
				}
			}
			x.prompts()
			x.command("echo status=$?")
			return saw + x.shows(`status=(\d+)\s`)
		})
	}
}

// The parent-death signal is tini's own, and tini forwards it.
func TestCompatParentDeath(t *testing.T) {
	t.Parallel()
	compare(t, "tini -p SIGUSR1", func(w wrap) string {
		cmd := w.command("tini", "-s", "-p", "SIGUSR1", "--", program("probe"), "main", "USR1=9")
		sh := w.stage.command("/bin/bash", append([]string{"-c", `"$@" & read x; exit 3`, "sh", cmd.Path}, cmd.Args[1:]...)...)
		sh.Env = cmd.Env
		v := w.start(sh)
		main := w.probe("main")
		v.stdin.Close()
		v.exits(3)
		return main.hears(10).Signal.String()
	})
}
