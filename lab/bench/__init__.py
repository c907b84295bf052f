"""The figures that Quorate is held to, measured: `make bench`.

formation   real products on container hosts, over what a plain script needs for the same on the same hosts
goodbye     real products: seconds until a dead host is replaced, what writers notice of a refresh;
            and how long a decision takes
scale       a growing cluster of simulated hosts: what one more client costs the control plane
package     the Lambda zip, and the cold import of its handlers
synthesis   the cloud assembly
"""
