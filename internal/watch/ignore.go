package watch

import (
	"path"
	"strings"
)

// ignored says whether a path is ignored, or something that it is in. It is
// relative to the watched path. Patterns are those of path.Match: one without a
// slash is of a name at any depth, one with a slash of a path from the watched
// one down.
func ignored(patterns []string, relative string) bool {
	for end := 0; end < len(relative); end++ {
		if n := strings.IndexByte(relative[end:], '/'); n >= 0 {
			end += n
		} else {
			end = len(relative)
		}
		here := relative[:end]
		for _, p := range patterns {
			candidate := here
			if !strings.Contains(p, "/") {
				candidate = path.Base(here)
			}
			if ok, err := path.Match(p, candidate); ok && err == nil {
				return true
			}
		}
	}
	return false
}
