package proof

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tutti-rt/tutti/client"
	"github.com/tutti-rt/tutti/internal/histories"
)

// sender keeps nodes busy: it always has commands under way. What it is told is counted, and not judged.
type sender struct {
	*run
	number int
}

// senderFlight is how many commands of a sender are under way at a time.
const senderFlight = 16

// load is what the senders were told.
type load struct {
	acked, refused atomic.Int64
}

// send sends until ctx is done.
func (s *sender) send(ctx context.Context) {
	entity := fmt.Sprintf("load-%d", s.number)
	token, err := s.config.Token("proof-" + entity)
	if err != nil {
		s.trouble(entity, "a token can be signed", err.Error())
		return
	}
	c, err := client.Open(ctx, client.EntityURL(anyEdge, histories.Counter, entity), client.Config{
		Token: token, Transports: []client.Transport{client.WebSocket}, HTTPClient: s.through(s.number), SendOnly: true,
		DialTimeout: time.Second,
	})
	if err != nil {
		if ctx.Err() == nil {
			s.trouble(entity, "a client can connect", err.Error())
		}
		return
	}
	defer c.Close()
	var flight sync.WaitGroup
	for range senderFlight {
		flight.Go(func() {
			for ctx.Err() == nil {
				_, err := c.Do(ctx, client.Command{Name: "add", Data: map[string]int{"by": 1}})
				switch _, no := errors.AsType[*client.Rejected](err); {
				case err == nil:
					s.load.acked.Add(1)
				case no:
					s.load.refused.Add(1)
					_ = wait(ctx, 10*time.Millisecond) // the loop ends with ctx
				case ctx.Err() == nil:
					s.trouble(entity, "no client is told of an error", err.Error())
					return
				}
			}
		})
	}
	flight.Wait()
}
