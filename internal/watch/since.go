package watch

import (
	"io/fs"
	"path/filepath"
	"syscall"
	"time"

	"supervise/internal/config"
)

// unseen is how long a change may take to be seen.
const unseen = 100 * time.Millisecond

// Changed gives something that has changed when nobody watched, or was not told: by the
// time of the last change that files have. "": nothing, or nothing that is still there.
//
// What comes to a directory and goes changes that too, also what is ignored. So a
// directory has changed only if that was when nobody watched any more.
func (l Left) Changed(w *config.Watch) (found string) {
	if l.Untold != "" {
		return l.Untold
	}
	directories := l.Since
	if seen := l.Ended.Add(-unseen); seen.After(l.Since) {
		directories = seen
	}
	for _, root := range w.Paths {
		top := root
		if kindOf(root) == aDirectory {
			top += "/" // it may be a link to a directory
		}
		_ = filepath.WalkDir(top, func(path string, e fs.DirEntry, err error) error {
			path = filepath.Clean(path)
			if err != nil {
				return nil
			}
			if path != root && ignored(w.Ignore, below(root, path)) {
				if e.IsDir() {
					return fs.SkipDir
				}
				return nil
			}
			info, err := e.Info()
			if err != nil {
				return nil
			}
			since := l.Since
			if e.IsDir() {
				since = directories
			}
			if st, ok := info.Sys().(*syscall.Stat_t); ok && time.Unix(st.Ctim.Unix()).After(since) {
				found = path
				return fs.SkipAll
			}
			return nil
		})
		if found != "" {
			return found
		}
	}
	return ""
}
