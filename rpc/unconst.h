/* unconst.h - private to rpc/: protobuf-c and the gRPC core take `char *` for texts that they only
 * read. The cast stands in this one place. */
#ifndef RPC_UNCONST_H
#define RPC_UNCONST_H

static inline void *unconst(const void *p)
{
    union {
        const void *in;
        void *out;
    } u = {p};

    return u.out;
}

#endif
