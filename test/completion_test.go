package test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"supervise/internal/needed"
)

// completionScript generates the script of a shell, and has the shell check it.
func completionScript(t testing.TB, shell string, check ...string) string {
	t.Helper()
	path, err := exec.LookPath(shell)
	needed.That(t, err == nil, shell)
	text, err := exec.Command(binary, "completion", shell).Output()
	if err != nil {
		t.Fatal(err)
	}
	script := filepath.Join(t.TempDir(), "script")
	if err := os.WriteFile(script, text, 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(path, append(check, script)...).CombinedOutput(); err != nil {
		t.Fatalf("%s does not like its script: %v\n%s", shell, err, out)
	}
	return script
}

func TestZshAndFishLikeTheirScripts(t *testing.T) {
	dependOnSources(t)
	completionScript(t, "zsh", "-n")
	completionScript(t, "fish", "--no-execute")
}

// bash is asked as readline would ask it.
func TestBashCompletes(t *testing.T) {
	t.Parallel()
	u := upSpoken(t, "[services.web]\ncommand = \"sleep 1000\"\ninstances = 2\n[services.worker]\ncommand = \"sleep 1000\"\n")
	u.until("service.running", "web@2")
	u.until("service.running", "worker")
	script := completionScript(t, "bash", "-n")
	const library = "/usr/share/bash-completion/bash_completion"
	_, err := os.Stat(library)
	needed.That(t, err == nil, "bash-completion")
	for line, want := range map[string]string{
		"supervise restart wo":        "worker",
		"supervise restart w":         "web@1 web@2 worker",
		"supervise signal HU":         "HUP",
		"supervise signal HUP web@1 ": "web@2 worker",
		"supervise wait --for st":     "stopped",
		"supervise shutd":             "shutdown",
	} {
		cmd := u.client()
		cmd.Path, _ = exec.LookPath("bash")
		cmd.Args = []string{"bash", "--norc", "-c", `
source ` + library + ` || exit 90
source "$1" || exit 91
PATH="$3:$PATH"
COMP_LINE=$2 COMP_POINT=${#2} COMP_TYPE=63 COMP_KEY=9
read -r -a COMP_WORDS <<< "$2"
[[ $2 == *' ' ]] && COMP_WORDS+=('')
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
compopt() { :; } # there is no completion under way
__start_supervise
for reply in "${COMPREPLY[@]}"; do echo "${reply%% *}"; done`, "bash", script, line, filepath.Dir(binary)}
		out, err := cmd.CombinedOutput()
		if got := strings.Join(strings.Fields(string(out)), " "); err != nil || got != want {
			t.Errorf("%q completes to %q, want %q (%v)", line, got, want, err)
		}
	}
	u.stop()
}
