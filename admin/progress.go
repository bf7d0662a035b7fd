package admin

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

// A progress shows a progress bar on a terminal.
type progress struct {
	w     io.Writer // nil: not a terminal
	done  func() (done, total int64)
	next  time.Time // when to draw it again
	shown bool
}

const (
	firstProgress = time.Second
	nextProgress  = 200 * time.Millisecond
	barWidth      = 30
)

// newProgress returns a progress on w, which draws only on a terminal.
func newProgress(w io.Writer, done func() (done, total int64)) *progress {
	p := &progress{done: done, next: time.Now().Add(firstProgress)}
	if f, ok := w.(*os.File); ok && isTerminal(f) {
		p.w = w
	}
	return p
}

func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// show draws the bar from time to time. It ignores errors, because only the report
// matters.
func (p *progress) show() {
	now := time.Now()
	if p.w == nil || now.Before(p.next) {
		return
	}
	p.next = now.Add(nextProgress)
	done, total := p.done()
	if total <= 0 {
		return
	}
	p.shown = true
	part := min(done, total)
	filled := int(barWidth * part / total)
	_, _ = fmt.Fprintf(p.w, "\r[%s%s] %3d%%", strings.Repeat("=", filled), strings.Repeat(" ", barWidth-filled), 100*part/total)
}

// clear removes the bar.
func (p *progress) clear() {
	if p.shown {
		_, _ = fmt.Fprintf(p.w, "\r%s\r", strings.Repeat(" ", barWidth+7))
	}
}
