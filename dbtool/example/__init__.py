"""A shared model package as teams write it: dbtool's demo and tests use it like any other."""

from dbtool.example.accounts import Profile, Role, User, UserRole, UserStatus
from dbtool.example.base import Base
from dbtool.example.blog import Comment, Post, PostStatus, Tag, Visibility, post_tags
from dbtool.example.catalogue import Category, Product
from dbtool.example.shop import Order, OrderLine, OrderStatus

__all__ = [
    "Base",
    "Category",
    "Comment",
    "Order",
    "OrderLine",
    "OrderStatus",
    "Post",
    "PostStatus",
    "Product",
    "Profile",
    "Role",
    "Tag",
    "User",
    "UserRole",
    "UserStatus",
    "Visibility",
    "post_tags",
]
