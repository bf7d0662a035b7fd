// Command nethttp serves all whom CrowdSec, at $CROWDSEC_URL with $CROWDSEC_KEY, has nothing against.
package main

import (
	"context"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/tocsin-project/tocsin/engine"
	"github.com/tocsin-project/tocsin/lapi"
	"github.com/tocsin-project/tocsin/middleware"
	"go.uber.org/zap"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	l, err := net.Listen("tcp", "localhost:8090")
	if err == nil {
		err = run(ctx, l, zap.Must(zap.NewProduction()))
	}
	stop()
	if err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, l net.Listener, logger *zap.Logger) error {
	crowdsec, err := lapi.New(lapi.Config{URL: os.Getenv("CROWDSEC_URL"), Key: os.Getenv("CROWDSEC_KEY"), Logger: logger})
	if err != nil {
		return err
	}
	e, err := engine.New(engine.Config{Sources: []engine.Source{crowdsec}, Logger: logger})
	if err != nil {
		return err
	}
	m, err := middleware.New(middleware.Config{Lookup: e.Lookup, Logger: logger})
	if err != nil {
		return err
	}
	e.Start()
	defer func() { _ = e.Close() }()
	hello := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprintln(w, "hello") })
	srv := &http.Server{Handler: m.Handler(hello), ReadHeaderTimeout: 10 * time.Second}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(l) }()
	select {
	case err := <-served:
		return err
	case <-ctx.Done(): // the requests under way get five seconds
		time.AfterFunc(5*time.Second, func() { _ = srv.Close() })
		return srv.Shutdown(context.Background())
	}
}
