package logfile

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// History is a log file and its rotated parts at one moment, read as if they
// were one file. What is written later is not in it.
type History struct {
	current *os.File // nil: there is none
	size    int64    // of current
	dir     string
	parts   []Part
}

// OpenHistory takes the moment: the parts that there are, and the file with the
// bytes that it has.
func OpenHistory(path string) (*History, error) {
	h := &History{dir: filepath.Dir(path)}
	current, err := look(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if err == nil {
		h.current = current
		info, err := current.Stat()
		if err == nil {
			h.size = info.Size()
			h.parts, err = Parts(path)
		}
		if err != nil {
			current.Close()
			return nil, err
		}
		return h, nil
	}
	h.parts, err = Parts(path)
	return h, err
}

// Limit says how many bytes of the file that grows count.
func (h *History) Limit(size int64) { h.size = min(h.size, size) }

// Forget leaves out parts that were rotated before a time.
func (h *History) Forget(before time.Time) {
	for len(h.parts) > 0 && h.parts[0].Stamp.Before(before) {
		h.parts = h.parts[1:]
	}
}

// Close closes what is open.
func (h *History) Close() {
	if h.current != nil {
		h.current.Close()
	}
}

// All reads everything, the oldest first.
func (h *History) All() io.ReadCloser {
	return &chain{h: h, parts: h.parts}
}

// Tail reads the last n lines. A last one without a newline counts. No more is
// read than is needed for that.
func (h *History) Tail(n int) (io.ReadCloser, error) {
	if n <= 0 {
		return &chain{h: h, from: h.size}, nil
	}
	from, found, err := h.tailOf(h.current, h.size, n)
	if err != nil {
		return nil, err
	}
	first := len(h.parts)
	c := &chain{h: h, from: from}
	for found < n && first > 0 {
		first--
		from, more, err := h.tailOfPart(h.parts[first], n-found)
		if err != nil {
			return nil, err
		}
		found += more
		c.partFrom = from
	}
	c.parts = h.parts[first:]
	return c, nil
}

// LastBytes reads the last n bytes of the file that grows and, if they are not
// enough, of the part before it that is not compressed yet.
func (h *History) LastBytes(n int64) ([]byte, error) {
	var older []byte
	if n > h.size && len(h.parts) > 0 && h.parts[len(h.parts)-1].Plain {
		f, err := look(filepath.Join(h.dir, h.parts[len(h.parts)-1].Name))
		if err == nil {
			defer f.Close()
			if info, err := f.Stat(); err == nil {
				older = make([]byte, min(info.Size(), n-h.size))
				if _, err := f.ReadAt(older, info.Size()-int64(len(older))); err != nil {
					return nil, err
				}
			}
		}
	}
	if h.current == nil {
		return older, nil
	}
	b := make([]byte, min(n, h.size))
	m, err := h.current.ReadAt(b, h.size-int64(len(b)))
	return append(older, b[:m]...), err
}

// tailOf finds where the last n lines begin, and how many there are.
func (h *History) tailOf(f *os.File, size int64, n int) (from int64, found int, err error) {
	if size == 0 || f == nil {
		return 0, 0, nil
	}
	buf := make([]byte, 64<<10)
	for end := size; end > 0; {
		begin := max(0, end-int64(len(buf)))
		b := buf[:end-begin]
		if m, err := f.ReadAt(b, begin); m < len(b) {
			if err == io.EOF { // somebody has emptied it
				return 0, 0, nil
			}
			return 0, 0, err
		}
		last := len(b)
		if end == size { // the newline at the end begins no line
			last--
		}
		for {
			i := bytes.LastIndexByte(b[:last], '\n')
			if i < 0 {
				break
			}
			if found++; found == n {
				return begin + int64(i) + 1, found, nil
			}
			last = i
		}
		end = begin
	}
	return 0, found + 1, nil
}

func (h *History) tailOfPart(p Part, n int) (from int64, found int, err error) {
	r, err := h.openPart(p)
	if err != nil || r == nil {
		return 0, 0, err
	}
	defer r.Close()
	if f, isPlain := r.(*os.File); isPlain {
		info, err := f.Stat()
		if err != nil {
			return 0, 0, err
		}
		return h.tailOf(f, info.Size(), n)
	}
	// It can be read forwards only: the places of the last n beginnings.
	var at int64
	begins := make([]int64, 0, min(n, 1<<10))
	buf := make([]byte, 64<<10)
	beginning := true
	for {
		m, err := r.Read(buf)
		for b := buf[:m]; len(b) > 0; {
			if beginning {
				if len(begins) >= n {
					begins[found%n] = at
				} else {
					begins = append(begins, at)
				}
				found++
			}
			i := bytes.IndexByte(b, '\n') + 1
			if beginning = i > 0; !beginning {
				i = len(b)
			}
			at, b = at+int64(i), b[i:]
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return 0, 0, err
		}
	}
	if found <= n {
		return 0, found, nil
	}
	return begins[found%n], n, nil
}

// openPart opens a part; nil: it is not there any more.
func (h *History) openPart(p Part) (io.ReadCloser, error) {
	name := filepath.Join(h.dir, p.Name)
	f, err := look(name)
	if err == nil {
		return f, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	f, err = look(name + packed)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	z, err := gzip.NewReader(f)
	if err != nil {
		f.Close()
		return nil, &fs.PathError{Op: "decompressing", Path: name + packed, Err: err}
	}
	return &gzipFile{z, f}, nil
}

type gzipFile struct {
	*gzip.Reader
	file *os.File
}

func (g *gzipFile) Close() error { return g.file.Close() }

// chain reads some parts, then the file that grows.
type chain struct {
	h        *History
	parts    []Part
	partFrom int64 // where to begin in the first of parts
	from     int64 // where to begin in the current file
	open     io.ReadCloser
}

func (c *chain) Read(b []byte) (int, error) {
	for {
		if c.open == nil && len(c.parts) == 0 {
			if c.h.current == nil || c.from >= c.h.size {
				return 0, io.EOF
			}
			n, err := c.h.current.ReadAt(b[:min(int64(len(b)), c.h.size-c.from)], c.from)
			c.from += int64(n)
			if n > 0 {
				err = nil
			}
			return n, err
		}
		if c.open == nil {
			if err := c.next(); err != nil {
				return 0, err
			}
			continue
		}
		n, err := c.open.Read(b)
		if n > 0 {
			return n, nil
		}
		if err != io.EOF && err != nil {
			return 0, err
		}
		c.Close()
	}
}

// next opens the next part.
func (c *chain) next() error {
	p, from := c.parts[0], c.partFrom
	c.parts, c.partFrom = c.parts[1:], 0
	r, err := c.h.openPart(p)
	if err != nil || r == nil {
		return err
	}
	if from > 0 {
		if f, isPlain := r.(*os.File); isPlain {
			_, err = f.Seek(from, io.SeekStart)
		} else {
			_, err = io.CopyN(io.Discard, r, from)
		}
		if err != nil {
			r.Close()
			return err
		}
	}
	c.open = r
	return nil
}

// Close closes the part that is being read; the History stays open.
func (c *chain) Close() error {
	if c.open == nil {
		return nil
	}
	r := c.open
	c.open = nil
	return r.Close()
}
