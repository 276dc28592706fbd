"""A real provider, started by the engine, with one kind of resource: a Thing has a name and takes seconds to make."""
# ruff: noqa: N802  (the protocol gives the methods their names)

import os
import time
from concurrent import futures

import grpc
from google.protobuf import empty_pb2, json_format
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc

from localcloud.store import Resource, Store

TYPE = "aws:small/thing:Thing"


class Provider(provider_pb2_grpc.ResourceProviderServicer):
    def Handshake(self, request, context):
        return provider_pb2.ProviderHandshakeResponse()

    def GetPluginInfo(self, request, context):
        return plugin_pb2.PluginInfo(version="7.51.1")

    def CheckConfig(self, request, context):
        return provider_pb2.CheckResponse(inputs=request.news)

    def DiffConfig(self, request, context):
        return provider_pb2.DiffResponse(changes=provider_pb2.DiffResponse.DIFF_NONE)

    def Configure(self, request, context):
        return provider_pb2.ConfigureResponse(supportsPreview=True)

    def Check(self, request, context):
        return provider_pb2.CheckResponse(inputs=request.news)

    def Diff(self, request, context):
        """A name that differs is a change; how long the making takes is none."""
        same = request.olds["name"] == request.news["name"]
        kinds = provider_pb2.DiffResponse
        return provider_pb2.DiffResponse(changes=kinds.DIFF_NONE if same else kinds.DIFF_SOME)

    def Create(self, request, context):
        values = json_format.MessageToDict(request.properties)
        if not request.preview:
            store = Store.from_environment()
            if store.get(TYPE, values["name"]):
                context.abort(grpc.StatusCode.ALREADY_EXISTS, f"the Thing {values['name']} exists already")
            store.put(Resource(TYPE, values["name"], request.urn, values))
            store.close()
            time.sleep(values["seconds"])
        return provider_pb2.CreateResponse(id=values["name"], properties=request.properties)

    def Read(self, request, context):
        store = Store.from_environment()
        there = store.get(TYPE, request.id) is not None
        store.close()
        if not there:
            return provider_pb2.ReadResponse()
        return provider_pb2.ReadResponse(id=request.id, properties=request.properties, inputs=request.inputs)

    def Delete(self, request, context):
        store = Store.from_environment()
        store.delete(TYPE, request.id)
        store.close()
        return empty_pb2.Empty()


def serve():
    server = grpc.server(futures.ThreadPoolExecutor())
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(Provider(), server)
    print(server.add_insecure_port("127.0.0.1:0"), flush=True)
    server.start()
    engine = os.getppid()
    while os.getppid() == engine:
        time.sleep(0.5)
    os._exit(0)
