package stage

import (
	"os"
	"strings"
)

// Environ is the environment for what is played: ours, without what would
// change supervise, and so that Python writes its lines at once and in UTF-8,
// and leaves no files.
func Environ() (env []string) {
	for _, entry := range os.Environ() {
		if !strings.HasPrefix(entry, "SUPERVISE_") && !strings.HasPrefix(entry, "PYTHON") {
			env = append(env, entry)
		}
	}
	return append(env, "PYTHONUNBUFFERED=1", "PYTHONDONTWRITEBYTECODE=1", "PYTHONUTF8=1")
}
