package watch

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"

	"github.com/fsnotify/fsnotify"
	"golang.org/x/sys/unix"

	"supervise/internal/config"
)

// notifier is what the tree needs of fsnotify.
type notifier interface {
	Add(path string) error
	Remove(path string) error
}

// tree knows which directories the kernel has to watch for us: those at and
// below the watched paths, the one that a watched file is in (as the file may
// be replaced), and the nearest one above a watched path that is not there.
type tree struct {
	notify notifier
	roots  []string
	ignore []string
	is     map[string]kind // of each root, when we looked last
	dirs   map[string]bool // watched by the kernel
}

// kind is what a watched path is.
type kind int

const (
	missing kind = iota
	aFile
	aDirectory
)

func newTree(n notifier, w *config.Watch) *tree {
	return &tree{notify: n, roots: w.Paths, ignore: w.Ignore, is: map[string]kind{}, dirs: map[string]bool{}}
}

// rescan forgets what is watched and looks anew.
func (t *tree) rescan() error {
	t.drop("/")
	return t.refresh()
}

// refresh looks anew at all roots, and drops what has no part in them any more.
// It gives the first error, and watches what it can. What is still wanted is
// watched all the while: nothing gets lost.
func (t *tree) refresh() error {
	before := t.dirs
	t.dirs = map[string]bool{}
	var first error
	for _, root := range t.roots {
		err := t.add(root)
		if first == nil {
			first = err
		}
	}
	for d := range before {
		if !t.dirs[d] {
			_ = t.notify.Remove(d)
		}
	}
	return first
}

// add watches one of the paths.
func (t *tree) add(root string) error {
	t.is[root] = kindOf(root)
	switch t.is[root] {
	case aDirectory:
		return t.addBelow(root, root)
	case aFile:
		return t.watch(filepath.Dir(root))
	}
	for {
		above := nearest(root)
		if err := t.watch(above); err != nil {
			return err
		}
		if now := nearest(root); now == above {
			if t.is[root] = kindOf(root); t.is[root] == missing {
				return nil
			}
			return t.add(root) // it has come meanwhile
		}
	}
}

// addBelow watches a directory at or below a root, with all directories in it.
// A directory is watched before it is read: what comes later is told.
func (t *tree) addBelow(root, dir string) error {
	if dir == root {
		dir += "/" // it may be a link to a directory
	}
	return filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		path = filepath.Clean(path)
		switch {
		case err != nil && gone(err):
			return nil
		case err != nil:
			return fmt.Errorf("watching %s: %w", path, explain(err))
		case path == root:
		case !e.IsDir():
			return nil
		case ignored(t.ignore, below(root, path)):
			return fs.SkipDir
		}
		return t.watch(path)
	})
}

// watch has the kernel watch one directory. One that is gone is no error: of
// that an event tells.
func (t *tree) watch(dir string) error {
	switch err := t.notify.Add(dir); {
	case err == nil:
		t.dirs[dir] = true
		return nil
	case gone(err):
		return nil
	default:
		return fmt.Errorf("watching %s: %w", dir, explain(err))
	}
}

// drop has the kernel watch a directory and what is below it no more.
func (t *tree) drop(dir string) {
	for d := range t.dirs {
		if d == dir || below(dir, d) != "" {
			_ = t.notify.Remove(d) // when it is gone, the kernel was first
			delete(t.dirs, d)
		}
	}
}

// event takes what the kernel has seen, and gives the path that has changed, ""
// when it is none that we watch for.
func (t *tree) event(e fsnotify.Event) (changed string, err error) {
	if e.Name == "" { // fsnotify has nothing to say
		return "", nil
	}
	name := filepath.Clean(e.Name)
	came, went := e.Has(fsnotify.Create), e.Has(fsnotify.Remove) || e.Has(fsnotify.Rename)
	if went {
		t.drop(name)
	}
	lookAnew := false
	for _, root := range t.roots {
		rest := below(root, name)
		switch {
		case name == root:
			changed = name
			lookAnew = lookAnew || (came || went) && (t.is[root] != aFile || kindOf(root) != aFile)
		case below(name, root) != "":
			lookAnew = lookAnew || came || went
		case rest != "" && t.is[root] == aDirectory && !ignored(t.ignore, rest):
			changed = name
			if info, statErr := os.Lstat(name); came && statErr == nil && info.IsDir() {
				err = errors.Join(err, t.addBelow(root, name))
			}
		}
	}
	if !lookAnew {
		return changed, err
	}
	before := maps.Clone(t.is)
	err = t.refresh()
	for _, root := range t.roots {
		if changed == "" && t.is[root] != before[root] {
			changed = root
		}
	}
	return changed, err
}

// kindOf looks at a path.
func kindOf(path string) kind {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return missing
	case info.IsDir():
		return aDirectory
	}
	return aFile
}

// nearest gives the nearest directory above a path.
func nearest(path string) string {
	for path != "/" && path != "." {
		path = filepath.Dir(path)
		if kindOf(path) == aDirectory {
			break
		}
	}
	return path
}

// below gives path relative to dir, "" when it is not below it.
func below(dir, path string) string {
	if dir == "/" {
		return strings.TrimPrefix(path, "/")
	}
	if rest, ok := strings.CutPrefix(path, dir+"/"); ok {
		return rest
	}
	return ""
}

func gone(err error) bool { return errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENOTDIR) }

// bare takes the path away that is already in our words.
func bare(err error) error {
	if e := (*fs.PathError)(nil); errors.As(err, &e) {
		return e.Err
	}
	return err
}
