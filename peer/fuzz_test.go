package peer

// In the package, since what is decoded here arrives only from whoever has the right credentials.

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"testing"
	"testing/iotest"

	"pgregory.net/rapid"
)

func FuzzHello(f *testing.F) {
	h := hello{oldest: 1, newest: 2, purpose: forCall, node: 3, to: 4, instance: Instance{5}, cluster: "c", name: "n", service: "s"}
	r := reply{reason: ReasonBusy, version: 1, node: 2, instance: Instance{3}, name: "n", text: "t"}
	f.Add(h.append(nil))
	f.Add(r.append(nil))
	f.Add([]byte(magic))
	f.Fuzz(func(t *testing.T, b []byte) {
		body, err := readMessage(bytes.NewReader(b))
		if err != nil {
			return
		}
		if h, err := decodeHello(body); err == nil {
			again, err := decodeHello(h.append(nil)[len(magic)+2:])
			if err != nil || again != h {
				t.Errorf("decode(encode(%+v)) = %+v, %v", h, again, err)
			}
		}
		if r, err := decodeReply(body); err == nil {
			again, err := decodeReply(r.append(nil)[len(magic)+2:])
			if err != nil || again != r {
				t.Errorf("decode(encode(%+v)) = %+v, %v", r, again, err)
			}
			_ = printable(r.text)
		}
	})
}

func FuzzFrames(f *testing.F) {
	two := piece{kind: 1, more: true, data: []byte("a")}.append(nil)
	two = piece{kind: kindPing, data: make([]byte, stampBytes)}.append(two)
	f.Add(piece{kind: 1, data: []byte("b")}.append(two))
	f.Add(piece{kind: kindAlive}.append(nil))
	f.Add([]byte{0, 0, 1, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		const most = 1 << 10
		r := frames{r: bufio.NewReaderSize(bytes.NewReader(b), 16), max: most}
		got := 0
		for {
			kind, data, err := r.next()
			if err != nil {
				if !errors.Is(err, errFrame) && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
					t.Errorf("next = %v", err)
				}
				break
			}
			if len(data) > most || kind >= Channels && kind < kindUse {
				t.Errorf("next = kind %d, %d bytes", kind, len(data))
			}
			got += pieceStart + len(data)
		}
		if got > len(b) {
			t.Errorf("%d bytes of frames came out of %d", got, len(b))
		}
		_ = readUse(bytes.NewReader(b))
	})
}

func FuzzParts(f *testing.F) {
	f.Add(appendPart(appendPart(nil, partData, []byte("a")), partEnd, nil))
	f.Add(appendPart(appendPart(nil, partAlive, nil), partFailed, []byte("why")))
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := io.ReadAll(&parts{r: bytes.NewReader(b)})
		if len(got) > len(b) {
			t.Errorf("%d bytes came out of %d", len(got), len(b))
		}
		if err == nil && !bytes.Contains(b, []byte{partEnd, 0, 0, 0, 0}) {
			t.Error("an answer without its end was taken for whole")
		}
	})
}

// TestFramesComeOutAsTheyWentIn puts frames of any length into any channels and reads them back.
func TestFramesComeOutAsTheyWentIn(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := newOutbox(1000, 1<<20)
		o.reset(true)
		var want, got [Channels][]int
		var wire []byte
		number := 0
		send := func(limit int) {
			for _, p := range o.take(nil, limit) {
				wire = p.append(wire)
			}
		}
		for range rapid.IntRange(0, 12).Draw(t, "frames") {
			channel := rapid.IntRange(0, Channels-1).Draw(t, "channel")
			data := bytes.Repeat([]byte{byte(number)}, rapid.SampledFrom([]int{0, 1, 100, maxPiece, maxPiece + 1, 3 * maxPiece}).Draw(t, "length"))
			if o.put(uint8(channel), data) {
				want[channel] = append(want[channel], number, len(data))
				number++
			}
			if rapid.Bool().Draw(t, "send") {
				send(rapid.IntRange(1, 2*maxPiece).Draw(t, "limit"))
			}
		}
		for o.queued() > 0 || o.waiting != 0 {
			send(batchBytes)
		}
		r := frames{r: bufio.NewReader(iotest.HalfReader(bytes.NewReader(wire))), max: MaxFrame}
		for {
			kind, data, err := r.next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			n := len(got[kind])
			if n+1 >= len(want[kind]) || want[kind][n+1] != len(data) || len(data) > 0 && data[0] != byte(want[kind][n]) {
				t.Fatalf("channel %d: frame %d is another than what was put", kind, n/2)
			}
			got[kind] = append(got[kind], want[kind][n], len(data))
		}
		for ch := range want {
			if len(got[ch]) != len(want[ch]) {
				t.Fatalf("channel %d: %d frames came, %d were put", ch, len(got[ch])/2, len(want[ch])/2)
			}
		}
	})
}
