package database_test

import (
	"path/filepath"
	"sync"
	"testing"

	"github.com/tocsin-project/tocsin/community/database"
)

// Servers of one community may start at once, on a file that is not there yet.
func TestServersOpenANewFileTogether(t *testing.T) {
	for range 150 {
		place := filepath.Join(t.TempDir(), "community.db")
		start := make(chan struct{})
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				<-start
				s, err := database.Open(t.Context(), place)
				if err != nil {
					t.Error(err)
					return
				}
				if err := s.Close(); err != nil {
					t.Error(err)
				}
			})
		}
		close(start)
		wg.Wait()
	}
}
