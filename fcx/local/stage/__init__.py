"""The staging area of large transfers: as much of S3's multipart exchange as such a transfer uses.

An object is addressed by a URL that carries its own signature, as presigned URLs do. Parts are PUT
in any order, the POST that lists them makes the object whole, HEAD and GET (ranges too) read it.
"""
