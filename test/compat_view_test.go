package test

import (
	"os/exec"
	"testing"
	"time"
)

// view is a program that tells what it finds. It is a shell, because a Go
// program finds less: its runtime has changed some of it already.
const view = `set -- $(sed 's/.*) //' /proc/$$/stat)
[ $3 = $$ ] && echo group own || echo group inherited
[ $4 = $$ ] && echo session own || echo session inherited
[ $5 = 0 ] && echo terminal none || echo terminal some
if [ $6 = $$ ]; then echo front own; elif [ $6 = -1 ]; then echo front none; else echo front other; fi
grep -E '^(Sig|Shd|Cap|NoNewPrivs|Seccomp|Groups|Uid|Cpus_allowed:)' /proc/$$/status | grep -v SigQ
ulimit -Sn; ulimit -Hn; ulimit -a
umask; pwd; nice
find /proc/$$/fd -type l -printf 'fd %f %l\n'
tr '\0' '\n' </proc/$$/environ | sort
cat /proc/$$/oom_score_adj`

// launchers start a program in a state of their own.
var launchers = []struct {
	name   string
	prefix []string // in front of it
}{
	{"plain", nil},
	{"ignored", []string{"bash", "-c", `trap '' HUP INT QUIT USR1 PIPE SEGV TSTP TTIN TTOU SYS ABRT 34 64; exec "$@"`, "sh"}},
	{"CHLD ignored", []string{"bash", "-c", `trap '' CHLD; exec "$@"`, "sh"}},
	{"like tini's own test", []string{"MASKED", "TTIN,ILL,TERM", "bash", "-c", `trap '' TTOU SEGV INT; exec "$@"`, "sh"}},
	{"masked", []string{"MASKED", "HUP,INT,QUIT,ABRT,TERM,USR1,CHLD,URG,PROF,SEGV,SYS,CONT,TSTP,34,35,64"}},
	{"nohup", []string{"nohup"}},
	{"stdin closed", []string{"bash", "-c", `exec "$@" <&-`, "sh"}},
	{"stdout closed", []string{"bash", "-c", `exec "$@" >&-`, "sh"}},
	{"stderr closed", []string{"bash", "-c", `exec "$@" 2>&-`, "sh"}},
	{"all closed", []string{"bash", "-c", `exec "$@" <&- >&- 2>&-`, "sh"}},
	{"more descriptors", []string{"bash", "-c", `exec "$@" 3</dev/null 5>/dev/null 9</`, "sh"}},
	{"limits", []string{"bash", "-c", `ulimit -Sn 300; ulimit -Hn 500; ulimit -Sc 0; umask 027; exec nice -n 3 "$@"`, "sh"}},
	{"session leader", []string{"setsid", "-w"}},
	{"twice in the environment", []string{"env", "-i", "B=1", "A=", "TINI_X=2", "DUMB_INIT_X= "}},
}

func TestCompatViews(t *testing.T) {
	t.Parallel()
	for _, line := range []string{"tini", "tini -g", "tini -s", "dumb-init", "dumb-init -c"} {
		t.Run(line, func(t *testing.T) {
			for _, l := range launchers {
				if l.name == "CHLD ignored" && line[0] == 't' {
					continue // tini never ends then: see TestCompatTiniSeesItsChildEnd
				}
				compare(t, l.name, func(w wrap) string {
					words := w.words(line)
					wrapper := w.command(words[0])
					args := append([]string{}, l.prefix...)
					for i, a := range args {
						if a == "MASKED" {
							args[i] = program("masked")
						}
					}
					if len(args) > 0 && args[0] == program("masked") && len(args) > 2 {
						path, err := exec.LookPath(args[2])
						if err != nil {
							w.t.Fatal(err)
						}
						args[2] = path
					}
					args = append(append(args, wrapper.Path), words[1:]...)
					args = append(args, "--", "sh", "-c", view)
					path, err := exec.LookPath(args[0])
					if err != nil {
						w.t.Fatal(err)
					}
					cmd := w.stage.command(path, args[1:]...)
					cmd.Env = wrapper.Env
					return w.outcome(w.start(cmd))
				})
			}
		})
	}
}

// With a terminal in each place that one can have.
func TestCompatViewsWithATerminal(t *testing.T) {
	t.Parallel()
	for _, line := range []string{"tini -vvv --", "dumb-init -v", "dumb-init -vc"} {
		compare(t, line+" leads the session", func(w wrap) string {
			words := w.words(line)
			x, v := w.terminal(w.command(words[0], append(words[1:], "sh", "-c", view+"; echo end of view")...))
			x.shows("end of view")
			status := v.wait()
			return itoa(status) + "\n" + w.masked(x.all())
		})
		compare(t, line+" in a session", func(w wrap) string {
			words := w.words(line)
			cmd := w.command(words[0], append(words[1:], "sh", "-c", view+"; echo end of view")...)
			sh := w.stage.command("/bin/bash", append([]string{"-c", `"$@"; s=$?; echo "status $s"`, "sh", cmd.Path}, cmd.Args[1:]...)...)
			sh.Env = cmd.Env
			x, v := w.terminal(sh)
			x.shows("status [0-9]+")
			status := v.wait()
			return itoa(status) + "\n" + w.masked(x.all())
		})
		compare(t, line+" with a terminal that is not its own", func(w wrap) string {
			words := w.words(line)
			cmd := w.command(words[0], append(words[1:], "sh", "-c", view+"; echo end of view")...)
			setsid := w.stage.command("/usr/bin/setsid", append([]string{"-w", cmd.Path}, cmd.Args[1:]...)...)
			setsid.Env = cmd.Env
			x, v := w.terminal(setsid)
			x.shows("end of view")
			status := v.wait()
			return itoa(status) + "\n" + w.masked(x.all())
		})
	}
}

// all is all that was shown, once nobody writes any more.
func (x *screen) all() string {
	x.t.Helper()
	select {
	case <-x.ended:
	case <-time.After(patience):
		x.t.Fatal("somebody still has the terminal")
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.text
}

// tini is not told of the death of its child when it was started with CHLD
// ignored. We are.
func TestCompatTiniSeesItsChildEnd(t *testing.T) {
	t.Parallel()
	dependOnSources(t)
	w := wrap{newStage(t), linked()}
	cmd := w.command("tini", "--", "grep", "SigIgn", "/proc/self/status")
	sh := w.stage.command("/bin/bash", append([]string{"-c", `trap '' CHLD; exec "$@"`, "sh", cmd.Path}, cmd.Args[1:]...)...)
	v := w.start(sh)
	v.exits(0)
	if got := v.text(v.stdout); got != "SigIgn:\t0000000000010000\n" {
		t.Errorf("the child finds %q, want CHLD ignored", got)
	}
}
