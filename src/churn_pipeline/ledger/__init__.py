"""The ledger: every score that was given, in one database that everything later reads.

``address`` says where it is, ``schema`` what it holds, ``migration`` brings an older one up to
date, ``store`` opens it, ``score_ids`` names scores, ``appending`` writes them, ``outcomes`` says
what became of them, ``erasure`` removes a customer, ``contents`` says what is there, ``export``
copies it into a file.

Nothing here imports pandas: who records scores need not have it.
"""
