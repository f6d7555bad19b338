#!/bin/sh
# The program of hello.yaml: says where it runs, then lives on until it is stopped.
echo "hello, my host has proven itself; I am process $$ in here"
trap 'echo "asked to stop"; exit 0' TERM
while :; do
    sleep 1 &
    wait $!
done
