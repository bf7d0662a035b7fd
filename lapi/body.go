package lapi

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

// bounds are the limits of an answer. A list of a million decisions may take minutes
// and 200 MB. Only silence ends a pull.
type bounds struct {
	header  time.Duration // until the first byte: CrowdSec 1.4.6 takes 21 s for a million decisions
	silence time.Duration // between two bytes of a body
	bytes   int64         // of an answer, decompressed: enough for twenty million decisions
	ratio   int64         // decompressed bytes for each received one; usual answers have about 8
	free    int64         // decompressed bytes before the ratio counts
}

var defaultBounds = bounds{
	header: 60 * time.Second, silence: 30 * time.Second,
	bytes: 4 << 30, ratio: 200, free: 16 << 20,
}

var (
	errSilence  = errors.New("the server stopped sending")
	errTooLarge = errors.New("the answer is too large")
	errBomb     = errors.New("the answer decompresses to too many bytes")
)

// A watch ends a pull if nothing arrives on its connection.
type watch struct {
	ctx    context.Context
	cancel context.CancelCauseFunc
	timer  *time.Timer
	limit  time.Duration // of the current silence
}

func newWatch(ctx context.Context, limit time.Duration) *watch {
	w := &watch{limit: limit}
	w.ctx, w.cancel = context.WithCancelCause(ctx)
	w.timer = time.AfterFunc(limit, func() { w.cancel(errSilence) })
	return w
}

// heard restarts the timer.
func (w *watch) heard(limit time.Duration) {
	if w.timer.Stop() { // otherwise it has ended the pull already
		w.limit = limit
		w.timer.Reset(limit)
	}
}

// stop ends the watch. If it is just ending the pull, stop waits for it.
func (w *watch) stop() {
	if !w.timer.Stop() {
		<-w.ctx.Done()
	}
	w.cancel(nil)
}

// explain replaces the error that the watch has caused.
func (w *watch) explain(err error) error {
	if errors.Is(context.Cause(w.ctx), errSilence) {
		return fmt.Errorf("%w: no data for %v", errSilence, w.limit)
	}
	return err
}

// A body reads an answer within its bounds.
type body struct {
	bounds

	wire     wireReader
	inflated io.Reader
	total    int64
	at       time.Time // when the last bytes arrived
}

// wireReader counts the bytes that arrive and restarts the watch.
type wireReader struct {
	r       io.Reader
	watch   *watch
	silence time.Duration
	n       int64
}

func (w *wireReader) Read(p []byte) (int, error) {
	n, err := w.r.Read(p)
	if n > 0 {
		w.n += int64(n)
		w.watch.heard(w.silence)
	}
	return n, err
}

// newBody returns a reader of the content of resp. CrowdSec never compresses its
// answers, but a proxy in front of it may.
func newBody(resp *http.Response, w *watch, b bounds) (*body, error) {
	r := &body{bounds: b, wire: wireReader{r: resp.Body, watch: w, silence: b.silence}, at: time.Now()}
	r.inflated = &r.wire
	switch e := resp.Header.Get("Content-Encoding"); e {
	case "", "identity":
	case "gzip":
		z, err := gzip.NewReader(&r.wire)
		if err != nil {
			return nil, fmt.Errorf("decompressing the answer: %w", err)
		}
		r.inflated = z
	default:
		return nil, fmt.Errorf("the answer has the unknown encoding %.32q", e)
	}
	return r, nil
}

func (b *body) Read(p []byte) (int, error) {
	n, err := b.inflated.Read(p)
	b.total += int64(n)
	b.at = time.Now()
	if b.total > b.bytes {
		return 0, fmt.Errorf("%w: more than %d bytes", errTooLarge, b.bytes)
	}
	if b.total > b.free && b.total/b.ratio > b.wire.n {
		return 0, fmt.Errorf("%w: %d bytes out of %d", errBomb, b.total, b.wire.n)
	}
	return n, err
}
