package config

import "sort"

// lines turns offsets in a text into lines and columns.
type lines struct {
	file, text string
	starts     []int // offset of each line's first byte
	chars      []int // number of characters before each block of blockSize bytes
}

// blockSize is how many bytes are counted at most to find a column: a text may
// be one long line with a hundred thousand values in it.
const blockSize = 256

func lineIndex(file, text string) lines {
	l := lines{file: file, text: text, starts: []int{0}}
	chars := 0
	for i := range len(text) {
		if i%blockSize == 0 {
			l.chars = append(l.chars, chars)
		}
		if isCharStart(text[i]) {
			chars++
		}
		if text[i] == '\n' {
			l.starts = append(l.starts, i+1)
		}
	}
	return l
}

// position gives line and column of an offset. Columns count characters, as
// editors do.
func (l lines) position(offset int) Position {
	offset = min(max(offset, 0), len(l.text))
	line := sort.Search(len(l.starts), func(i int) bool { return l.starts[i] > offset })
	return Position{File: l.file, Line: line, Col: 1 + l.charsBefore(offset) - l.charsBefore(l.starts[line-1])}
}

// charsBefore counts the characters before an offset.
func (l lines) charsBefore(offset int) int {
	if offset == 0 {
		return 0
	}
	block := (offset - 1) / blockSize
	n := l.chars[block]
	for i := block * blockSize; i < offset; i++ {
		if isCharStart(l.text[i]) {
			n++
		}
	}
	return n
}

// isCharStart says whether a byte is the first of a character in UTF-8.
func isCharStart(b byte) bool { return b&0xc0 != 0x80 }
