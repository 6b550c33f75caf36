package main

import (
	"context"
	"fmt"
	"slices"

	"google.golang.org/grpc"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/mem"
)

// grpcCaller asks by gRPC with the client of grpc-go, over a connection that others may share. It belongs to one goroutine.
type grpcCaller struct {
	conn   *grpc.ClientConn
	method string
	body   []byte // of the last answer
}

func dialGRPC(address string) (*grpc.ClientConn, error) {
	return grpc.NewClient("passthrough:///"+address,
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.ForceCodecV2(encoded{}), grpc.MaxCallRecvMsgSize(64<<20)))
}

func (c *grpcCaller) close() { c.conn.Close() }

// do implements caller.
func (c *grpcCaller) do(a ask) ([]byte, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := c.conn.Invoke(ctx, c.method, a.request, &c.body); err != nil {
		return nil, err
	}
	return c.body, nil
}

// encoded is a codec for messages that are encoded already, and whose answers are read where they must be.
type encoded struct{}

func (encoded) Name() string { return "proto" }

func (encoded) Marshal(v any) (mem.BufferSlice, error) {
	data, ok := v.([]byte)
	if !ok {
		return nil, fmt.Errorf("cannot send a %T", v)
	}
	return mem.BufferSlice{mem.SliceBuffer(data)}, nil
}

func (encoded) Unmarshal(data mem.BufferSlice, v any) error {
	body, ok := v.(*[]byte)
	if !ok {
		return fmt.Errorf("cannot receive a %T", v)
	}
	*body = slices.Grow((*body)[:0], data.Len())[:data.Len()]
	data.CopyTo(*body)
	return nil
}

// settled waits until a connection is up, so that no caller pays for it.
func settled(conn *grpc.ClientConn) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	conn.Connect()
	for {
		state := conn.GetState()
		if state == connectivity.Ready {
			return nil
		}
		if !conn.WaitForStateChange(ctx, state) {
			return fmt.Errorf("connect to %s: still %s after %v", conn.Target(), state, patience)
		}
	}
}
