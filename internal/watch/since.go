package watch

import (
	"io/fs"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"supervise/internal/config"
)

// How long before its end a watcher may have missed what changed. Of directories it is
// less: what comes to one and goes changes that too, also what is ignored.
const (
	unseen          = 10 * time.Second
	unseenDirectory = 100 * time.Millisecond
)

// fileTime is now by the clock of files, which is a little behind: what changes from now
// on has no time before it.
func fileTime() time.Time {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_REALTIME_COARSE, &now); err != nil {
		return time.Now()
	}
	return time.Unix(now.Unix())
}

// Changed gives something that has changed when nobody watched, or was not told: by the
// time of the last change that files have. "": nothing, or nothing that is still there.
func (l Left) Changed(w *config.Watch) (found string) {
	if l.Untold != "" {
		return l.Untold
	}
	files, directories := l.Since, l.Since
	if t := l.Ended.Add(-unseen); t.After(files) {
		files = t
	}
	if t := l.Ended.Add(-unseenDirectory); t.After(directories) {
		directories = t
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
			since := files
			if e.IsDir() {
				since = directories
			}
			if st, ok := info.Sys().(*syscall.Stat_t); ok && !time.Unix(st.Ctim.Unix()).Before(since) {
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
