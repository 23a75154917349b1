package pause_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"rollcall/internal/pause"
)

func TestForEndsWithTheContext(t *testing.T) {
	if err := pause.For(t.Context(), 0); err != nil {
		t.Errorf("no time: %v", err)
	}
	stopped := errors.New("stopped")
	ctx, stop := context.WithCancelCause(t.Context())
	stop(stopped)
	if err := pause.For(ctx, time.Hour); !errors.Is(err, context.Canceled) {
		t.Errorf("after the end: %v", err)
	}
}
